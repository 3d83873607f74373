// A bot with a command, as small as one can be: it says hello back.
import WebSocket from 'ws';

/** Registers `/greet name` for a bot, logs in with it, and answers until the test is over. */
export async function greeter(t, server, bot) {
  await server.request('POST', `/applications/${bot.id}/commands`, bot, {
    name: 'greet',
    type: 1,
    description: 'Greets somebody',
    options: [{ type: 3, name: 'name', description: 'Whom to greet', required: true }],
  });
  const socket = new WebSocket(`${server.base.replace('http', 'ws')}/?v=10&encoding=json`);
  t.after(() => socket.close());
  await new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (text) => {
      const { op, t: name, d } = JSON.parse(text);
      if (op === 10) {
        const properties = { os: 'test', browser: 'test', device: 'test' };
        socket.send(JSON.stringify({ op: 2, d: { token: bot.token, intents: 1, properties } }));
      }
      if (name === 'READY') resolve();
      if (name === 'INTERACTION_CREATE') answer(server, d).catch(reject);
    });
  });
}

async function answer(server, { id, token, data }) {
  const content = `Hello, ${data.options[0].value}!`;
  const response = await fetch(`${server.api}/v10/interactions/${id}/${token}/callback`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ type: 4, data: { content } }),
  });
  if (!response.ok) throw new Error(`the answer to a command was refused with ${response.status}`);
}
