import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The service behind: says what arrived, or the status that its path asks for. */
export class EchoService {
  private constructor(private readonly server: Server) {}

  static async start(): Promise<EchoService> {
    const server = createServer((request, response) => {
      const [, status = '200'] = /\/answer-(\d+)/.exec(request.url!) ?? [];
      response.writeHead(Number(status), { 'content-type': 'application/json' });
      const { method, url, headers } = request;
      response.end(JSON.stringify({ method, url, headers }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new EchoService(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
