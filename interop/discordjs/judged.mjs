// The bots' side of the contract in ../README.md.
export const { BASE, TOKEN, GUILD } = process.env;

// How a client finds the server.
export const REST = { api: `${BASE}/api` };

export function say(event, more = {}) {
  console.log(JSON.stringify({ event, ...more }));
}

export function fail(error) {
  console.error(error);
  process.exit(1);
}
