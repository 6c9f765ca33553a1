// The list of ports, refreshed while the page is visible.
const state = document.getElementById('state');
const table = document.querySelector('table');

function row(port) {
  const tr = document.createElement('tr');
  const online = port.state === 'STATE_ONLINE';
  for (const text of [port.name, online ? 'online' : `offline: ${port.offline_reason ?? ''}`, port.baud ?? '', port.description ?? '']) {
    tr.appendChild(document.createElement('td')).textContent = text;
  }
  return tr;
}

async function refresh() {
  if (document.hidden) return;
  try {
    const reply = await fetch('/vser.v1.PortService/ListPorts',
      {method: 'POST', headers: {'content-type': 'application/json'}, body: '{}'});
    const body = await reply.json();
    if (!reply.ok) throw new Error(body.message);
    table.tBodies[0].replaceChildren(...(body.ports ?? []).map(row));
    table.hidden = false;
    state.textContent = `${body.ports?.length ?? 0} ports`;
  } catch (error) {
    state.textContent = `The list is not available: ${error.message}`;
  }
}

setInterval(refresh, 2000);
refresh();
