/// Types a line into a port and prints what the device sends, up to the text that ends the answer:
/// ask 127.0.0.1:50051 console help 'sim> '
#include <chrono>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <variant>

#include "vser_client.hpp"

namespace {

std::string ask(const std::string& address, const std::string& port, const std::string& line, const std::string& end) {
    auto client = vser::client::Client::connect(address).value();
    auto console = client.attach(port).value();
    console.write(line + "\r").value();
    std::string answer;
    while (answer.find(end) == std::string::npos) {
        auto item = console.next(std::chrono::seconds{10});
        if (!item) throw std::runtime_error("the answer did not end within 10 seconds: " + answer);
        if (auto* data = std::get_if<vser::client::Data>(&*item)) answer += data->bytes;
    }
    return answer;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::cerr << "usage: ask ADDRESS PORT LINE END\n";
        return 2;
    }
    try {
        std::cout << ask(argv[1], argv[2], argv[3], argv[4]) << '\n';
    } catch (const std::exception& error) {
        std::cerr << "ask: " << error.what() << '\n';
        return 1;
    }
}
