"""What goes wrong. Each fault is a generator: it does harm and yields; what comes after the yield repairs it."""
import signal
import time

from bridges import SHARED, TTL_SECONDS
from history import Wrong
from world import GONE_SECONDS, STEADY

BEYOND_TTL_SECONDS = TTL_SECONDS + 3
RELEASED_SECONDS = 2


def _member(world):
    """Any one, or the leader, which fails differently."""
    return world.members.leader() if world.random.random() < 0.5 else world.random.randrange(len(world.members.members))


def _mortal(world):
    return world.random.choice([bridge for bridge in world.bridges if bridge.index not in STEADY])


def _hold(world):
    time.sleep(world.random.uniform(1, 5))


def member_killed(world, report):
    index = _member(world)
    report(f"m{index}")
    world.members.kill(index)
    _hold(world)
    yield
    world.members.start(index)


def member_paused(world, report):
    index = _member(world)
    report(f"m{index}")
    world.members.pause(index)
    _hold(world)
    yield
    world.members.resume(index)


def member_lost_its_disk(world, report):
    index = _member(world)
    report(f"m{index}")
    world.members.wipe(index)
    yield
    world.members.start(index)


def member_partitioned(world, report):
    index = _member(world)
    report(f"m{index}")
    world.members.partition(index)
    _hold(world)
    yield
    world.members.mend()


def majority_killed(world, report):
    first = _member(world)
    second = (first + world.random.choice([1, 2])) % 3
    report(f"m{first}, m{second}")
    for index in (first, second):
        world.members.kill(index)
    report(f"b0 is stale after {world.await_stale(world.bridges[0]):.1f} s")
    _hold(world)
    yield
    for index in (first, second):
        world.members.start(index)


def bridge_killed(world, report, alone=True):
    bridge = _mortal(world)
    report(bridge.name)
    bridge.stop(signal.SIGKILL)
    if alone:
        report(f"gone after {world.await_gone(bridge):.1f} s")
    yield
    bridge.start()


def bridge_stopped(world, report, alone=True):
    bridge = _mortal(world)
    report(bridge.name)
    bridge.stop(signal.SIGTERM)
    if alone:
        report(f"gone after {world.await_gone(bridge, RELEASED_SECONDS):.1f} s")
    yield
    bridge.start()


def bridge_paused(world, report, alone=True):
    """What another bridge has claimed meanwhile stays its own: a paused owner notices before it claims again."""
    bridge = _mortal(world)
    report(bridge.name)
    bridge.pause()
    begin = time.monotonic()
    if alone:
        report(f"gone after {world.await_gone(bridge):.1f} s")
    time.sleep(max(0.0, begin + BEYOND_TTL_SECONDS - time.monotonic()))
    taken = {}
    if alone:
        world.check_history()
        leases = world.history.leases_of(bridge.name)
        taken = {name: owner for name, owner in world.truth().items() if name in SHARED}
        if any(owner[0] == bridge.name for owner in taken.values()):
            raise Wrong(f"etcd lists {bridge.name}, which is paused beyond its lease: {taken}")
    yield
    bridge.resume()
    if alone:
        world.await_right(GONE_SECONDS)
        for name, owner in taken.items():
            now = world.truth()[name]
            if now != owner:
                raise Wrong(f"{name} was {owner}'s while {bridge.name} was paused; then it woke up, and it is {now}'s")
        world.check_history()
        if world.history.leases_of(bridge.name) == leases:
            raise Wrong(f"{bridge.name} registered again under the lease that had ended")


def bridge_cut_off(world, report, alone=True):
    bridge = world.random.choice(world.bridges)
    report(bridge.name)
    bridge.cut(True)
    if alone:
        report(f"gone after {world.await_gone(bridge):.1f} s")
        world.await_stale(bridge)
    else:
        time.sleep(BEYOND_TTL_SECONDS)
    yield
    bridge.cut(False)


OF_MEMBERS = [member_killed, member_paused, member_lost_its_disk, member_partitioned, majority_killed]
OF_BRIDGES = [bridge_killed, bridge_stopped, bridge_paused, bridge_cut_off]


def both(world, report):
    """A member and a bridge at once. An election gives every lease its whole time again, so only the end is checked."""
    harm = [world.random.choice(OF_MEMBERS[:4])(world, report), world.random.choice(OF_BRIDGES)(world, report, alone=False)]
    for each in harm:
        next(each)
    yield
    for each in harm:
        next(each, None)


ALL = [*OF_MEMBERS, *OF_BRIDGES, both]
