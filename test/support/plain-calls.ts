/** Headers of a request, and among them the credential of its caller. */
export type Headers = Readonly<Record<string, string>>;

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Tests look into answers of every shape.
  readonly body: any;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body?: string | undefined;
}

export interface Items<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** Sends one request over a real connection, and judges nothing about its answer. */
export async function call(url: string, { method, path, headers, body }: Call): Promise<Answer> {
  const sent = body === undefined ? {} : { body };
  const response = await fetch(`${url}${path}`, { method, headers, ...sent });
  const text = await response.text();
  const isJson = /json$|json;/.test(response.headers.get('content-type') ?? '');
  const isOne = isJson && !response.headers.get('content-type')!.includes('ndjson');
  return {
    ...{ status: response.status, headers: new Map(response.headers), text },
    body: isOne && text !== '' ? (JSON.parse(text) as unknown) : undefined,
  };
}

export const bearer = (secret: string): Headers => ({ authorization: `Bearer ${secret}` });

/** How many repeats of a create come at once: 1,000 in the long run (I1). */
export const CREATES_AT_ONCE = process.env['LEDGER_TEST_LONG'] === undefined ? 100 : 1_000;

/**
 * Sends a request so many times at once, each from a client that repeats it while it is told that the
 * service has too much to do. Answers what each was told in the end.
 */
export function atOnce(times: number, url: string, asked: Call): Promise<readonly Answer[]> {
  const insistently = async (): Promise<Answer> => {
    for (;;) {
      const answer = await call(url, asked);
      if (answer.status !== 503) return answer;
    }
  };
  return Promise.all(Array.from({ length: times }, insistently));
}
