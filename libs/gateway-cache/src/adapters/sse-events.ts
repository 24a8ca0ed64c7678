import { createParser, type EventSourceMessage } from 'eventsource-parser';

const EVENT_CHARACTERS_MAX = 64 * 1024;

/** The stream broke: it ended, fell silent, or holds what is no event. */
export class StreamBroken extends Error {
  override readonly name = 'StreamBroken';

  constructor(
    readonly loss: 'disconnected' | 'silent' | 'unreadable',
    message: string,
  ) {
    super(message);
  }
}

/**
 * Reads server-sent events until the stream breaks.
 *
 * @param silenceMs How long it may take until the next event: the sender gives signs of life.
 * @throws StreamBroken In the end, always.
 */
export async function readEvents(
  body: ReadableStream<Uint8Array>,
  silenceMs: number,
  onEvent: (event: EventSourceMessage) => void,
): Promise<never> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let heardAny = false;
  let fault: Error | undefined;
  const parser = createParser({
    maxBufferSize: EVENT_CHARACTERS_MAX,
    onEvent(event) {
      heardAny = true;
      onEvent(event);
    },
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') fault = error;
    },
  });
  let timer: NodeJS.Timeout | undefined;
  let onSilence: (error: Error) => void = () => undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    onSilence = reject;
  });
  silence.catch(() => undefined);
  const listen = (): void => {
    clearTimeout(timer);
    const message = `nothing came for ${silenceMs} ms`;
    timer = setTimeout(() => onSilence(new StreamBroken('silent', message)), silenceMs);
  };
  try {
    listen();
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), silence]);
      if (done) throw new StreamBroken('disconnected', 'the ledger ended the stream');
      heardAny = false;
      parser.feed(decoder.decode(value, { stream: true }));
      if (fault) throw new StreamBroken('unreadable', 'an event is too long');
      if (heardAny) listen();
    }
  } finally {
    clearTimeout(timer);
    // The connection is of no use any more, and whether it says goodbye does not matter.
    reader.cancel().catch(() => undefined);
  }
}
