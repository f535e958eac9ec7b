// The bench's peer on npm's ws: a WebSocket at /sub hears what is POSTed to /pub. One thread, as ws's own examples have it.
import { createServer } from "node:http";
import { createRequire } from "node:module";

const { WebSocketServer, WebSocket } = createRequire(new URL("../package.json", import.meta.url))("ws");
const server = createServer((request, response) => {
  const parts = [];
  request.on("data", part => parts.push(part)).on("end", () => {
    const message = Buffer.concat(parts);
    for (const client of sockets.clients) if (client.readyState === WebSocket.OPEN) client.send(message, { binary: false });
    response.writeHead(202).end();
  });
});
const sockets = new WebSocketServer({ server, path: "/sub" });
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 8192 });
