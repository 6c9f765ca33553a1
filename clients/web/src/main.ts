/** Puts the page together. */
import "./style.css";

import { Desk } from "./desk";
import { AdminService } from "./gen/vser/v1/admin_service_pb";
import { PortList } from "./ports/port_list";
import type { Failure } from "./rpc/failure";
import { Server } from "./rpc/server";
import { button, element, setText } from "./ui/dom";
import { Login } from "./ui/login";
import { themeButton } from "./ui/theme";

const server = new Server();
const status = element("p", { class: "connection", attributes: { role: "status" } });
const version = element("span", { class: "version" });
const logout = button("Log out", () => {
  server.setToken("", false);
  location.reload();
});

const desk = new Desk(server, (name) => list.feed.get(name), say);
const list = new PortList(server, (name) => desk.open(name), (port) => desk.updatePort(port), connection);
const login = new Login(server, () => {
  list.feed.restart();
  desk.reconnect();
  showServer();
});
server.onLoginNeeded = () => login.show();

function say(text: string): void {
  setText(status, text);
}

function connection(failure: Failure | null): void {
  document.body.classList.toggle("disconnected", failure !== null);
  say(failure ? `Not connected: ${failure.message}` : "");
}

function showServer(): void {
  logout.hidden = !server.hasToken;
  server.call(AdminService.method.getServerInfo, {}).then(
    (info) => setText(version, `${info.version} on ${location.host}`),
    () => setText(version, location.host),
  );
}

/** "/" leads to the filter from everywhere but from where text is typed. */
function shortcut(event: KeyboardEvent): void {
  const typing = event.target instanceof Element && event.target.closest("input, textarea, select, dialog");
  if (event.key !== "/" || typing || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  list.focusFilter();
}

document.body.append(
  element("header", { class: "top" }, element("h1", {}, "vserd"), version, status, logout, themeButton()),
  element("main", {}, list.element, desk.element),
);
document.addEventListener("keydown", shortcut);
desk.start();
showServer();
