import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LEDGER_POSITION, toCloudEvent, type LedgerMessage } from '@ledger/publishing';

const AT = '2026-03-27T10:00:00.000Z';

/** `/v1/invalidations` as the ledger serves it, with its faults in the test's hands. */
export class ScriptedStream {
  readonly requests: IncomingMessage['headers'][] = [];
  /** Answers every request with this status instead of a stream. */
  refusal: number | undefined;
  ledgerId = 'ledger-1';
  heartbeats = true;
  readonly #events: { readonly position: bigint; readonly text: string }[] = [];
  readonly #open = new Set<ServerResponse>();
  readonly #server: Server;
  #head = 1_000n;
  #timer: NodeJS.Timeout;

  private constructor(private readonly markEveryMs: number) {
    this.#server = createServer((request, response) => this.#serve(request, response));
    this.#timer = setInterval(() => this.#beat(), this.markEveryMs);
    this.#timer.unref();
  }

  static async start(markEveryMs = 20): Promise<ScriptedStream> {
    const stream = new ScriptedStream(markEveryMs);
    await new Promise<void>((resolve) => stream.#server.listen(0, '127.0.0.1', resolve));
    return stream;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  publish(message: LedgerMessage): void {
    const { position } = message.data;
    const data = JSON.stringify(toCloudEvent(message, this.ledgerId));
    this.raw(BigInt(position), `id: ${position}\nevent: ${message.type}\ndata: ${data}\n\n`);
  }

  raw(position: bigint, text: string): void {
    this.#head = position;
    this.#events.push({ position, text });
    for (const response of this.#open) response.write(text);
  }

  /** The log is another one, which has come less far. */
  exchange(head: bigint, ledgerId: string): void {
    this.#head = head;
    this.ledgerId = ledgerId;
    this.#events.length = 0;
  }

  cut(): void {
    for (const response of this.#open) response.destroy();
    this.#open.clear();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(request.headers);
    const given = request.headers['last-event-id'];
    const after = given === undefined ? null : BigInt(String(given));
    const status = this.refusal ?? (after !== null && after > this.#head ? 400 : 200);
    if (status !== 200) {
      response.writeHead(status).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const { position, text } of this.#events) {
      if (after !== null && position > after) response.write(text);
    }
    response.write(this.#mark());
    this.#open.add(response);
    response.on('close', () => this.#open.delete(response));
  }

  #beat(): void {
    if (!this.heartbeats) return;
    for (const response of this.#open) response.write(this.#mark());
  }

  #mark(): string {
    const position = String(this.#head);
    const data = JSON.stringify({ position, at: AT });
    return `id: ${position}\nevent: ${LEDGER_POSITION}\ndata: ${data}\n\n`;
  }
}
