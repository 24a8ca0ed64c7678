import { Agent, request } from 'node:http';

/** One connection that is kept, so that what is timed is the answer and not its handshake. */
export class KeepAliveCaller {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(private readonly url: string) {}

  /** Resolves with the status once the whole answer has come. */
  call(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: object,
  ): Promise<number> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const framing =
      text === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    return new Promise((resolve, reject) => {
      const sent = request(
        new URL(path, this.url),
        { method, agent: this.#agent, headers: { ...headers, ...framing } },
        (answer) => {
          answer.resume();
          answer.once('end', () => resolve(answer.statusCode ?? 0));
          answer.once('error', reject);
        },
      );
      sent.setNoDelay(true);
      sent.once('error', reject);
      sent.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
