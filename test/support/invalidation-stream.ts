import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** One event of `/v1/invalidations`, its data parsed. */
export interface Invalidation {
  readonly id: string;
  readonly type: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Tests look into data of every type.
  readonly data: any;
  /** When it arrived, by `performance.now()`. */
  readonly arrivedAt: number;
}

/** Reads `/v1/invalidations` as a gateway does, and remembers everything that came. */
export class InvalidationStream {
  readonly seen: Invalidation[] = [];
  #ended = false;
  #read = 0;
  #notify: () => void = () => undefined;

  private constructor(private readonly response: IncomingMessage) {
    const parser = createParser({ onEvent: (event) => this.#add(event) });
    const decoder = new TextDecoder();
    response.on('data', (chunk: Buffer) => parser.feed(decoder.decode(chunk, { stream: true })));
    response.on('error', () => undefined);
    response.once('close', () => {
      this.#ended = true;
      this.#notify();
    });
  }

  /** @throws Error When the answer is not 200. */
  static async open(
    url: string,
    authorization: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<InvalidationStream> {
    const request = get(`${url}/v1/invalidations`, {
      headers: { authorization, ...headers },
      agent: false,
    });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    request.on('error', () => undefined);
    if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode}`);
    return new InvalidationStream(response);
  }

  get headers(): IncomingMessage['headers'] {
    return this.response.headers;
  }

  /** The next event of these types, whatever comes before it; undefined when the answer ends first. */
  async next(...types: readonly string[]): Promise<Invalidation | undefined> {
    for (;;) {
      while (this.#read < this.seen.length) {
        const event = this.seen[this.#read++]!;
        if (types.length === 0 || types.includes(event.type)) return event;
      }
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => (this.#notify = resolve));
    }
  }

  /** The next message about a token. */
  nextMessage(): Promise<Invalidation | undefined> {
    return this.next('token-revoked', 'token-rotated', 'token-updated');
  }

  cut(): void {
    this.response.destroy();
  }

  #add({ id = '', event = 'message', data }: EventSourceMessage): void {
    const arrivedAt = performance.now();
    this.seen.push({ id, type: event, data: JSON.parse(data) as unknown, arrivedAt });
    this.#notify();
  }
}
