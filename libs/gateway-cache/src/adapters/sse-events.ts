import type { Readable } from 'node:stream';
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
 * Reads server-sent events until the stream breaks, and closes it.
 *
 * @param silenceMs How long it may take until the next event: the sender gives signs of life.
 * @throws StreamBroken In the end, always.
 */
export function readEvents(
  body: Readable,
  silenceMs: number,
  onEvent: (event: EventSourceMessage) => void,
): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (broken: Error): void => {
      clearTimeout(silence);
      body.destroy();
      reject(broken);
    };
    const silence = setTimeout(() => {
      end(new StreamBroken('silent', `nothing came for ${silenceMs} ms`));
    }, silenceMs);
    const parser = createParser({
      maxBufferSize: EVENT_CHARACTERS_MAX,
      onEvent(event) {
        silence.refresh();
        onEvent(event);
      },
      onError({ type }) {
        // Fields that are unknown are passed over, as the format wants it.
        if (type !== 'max-buffer-size-exceeded') return;
        end(new StreamBroken('unreadable', 'an event is too long'));
      },
    });
    body.setEncoding('utf8');
    body.on('data', (text: string) => {
      if (body.destroyed) return;
      try {
        parser.feed(text);
      } catch (error) {
        end(error as Error);
      }
    });
    const ended = new StreamBroken('disconnected', 'the stream has ended');
    for (const event of ['end', 'close', 'error']) body.on(event, () => end(ended));
  });
}
