"""vser:// URLs for pyserial. `import vser.urlhandler`, then serial.serial_for_url("vser://HOST:PORT/NAME") opens a port of vserd.

`python3 -m vser.urlhandler MODULE ARGUMENTS...` runs a program that does not import this package, such as esptool or
serial.tools.miniterm, so that it knows vser:// URLs.
"""

import serial

if __name__ not in serial.protocol_handler_packages:
    serial.protocol_handler_packages.append(__name__)
