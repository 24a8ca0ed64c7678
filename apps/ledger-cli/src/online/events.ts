import type { Command } from 'commander';
import { defineCommand } from '../define-command.js';
import { print, printable, say, writeThrough } from '../terminal/output.js';
import { startProgress } from '../terminal/progress.js';
import { asksService, connect, type ConnectionOptions } from './connection.js';
import { readEvents, type Envelope } from './event-reader.js';
import { openTarget } from './export-target.js';
import { position, wholeNumber } from './option-values.js';

interface EventOptions extends ConnectionOptions {
  readonly after: string;
  readonly limit?: number;
  readonly type?: string;
  readonly org?: string;
  readonly stream?: string;
  readonly output?: string;
}

const WRITE_CHARACTERS = 65_536;

export function addEventCommands(events: Command): void {
  const follow = filters(
    defineCommand(events, {
      usage: 'follow',
      summary: 'print events as they come, until interrupted',
      examples: ['token-ledger events follow --limit 3'],
      notes:
        'A lost connection is taken up again behind the last event. --json prints the envelopes.',
    }),
  );
  follow.action(() => followEvents(follow.opts<EventOptions>()));

  const exporting = filters(
    defineCommand(events, {
      usage: 'export',
      summary: 'the log as it stands, oldest first, one JSON document a line',
      examples: [
        'token-ledger events export --output log.ndjson',
        'token-ledger events export --type TokenRevoked --after 2',
      ],
    }),
  ).option('--output <file>', 'write to this file instead of stdout');
  exporting.action(() => exportEvents(exporting.opts<EventOptions>()));
}

function filters(command: Command): Command {
  return asksService(command)
    .option('--after <position>', 'only events after this place in the log', position, '0')
    .option('--limit <count>', 'end after so many events', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--type <type>', 'only events of this type')
    .option('--org <org>', 'only events of this organization')
    .option('--stream <stream>', 'only events of this stream');
}

async function followEvents(options: EventOptions): Promise<void> {
  for await (const { line, event } of readEvents(connect(options), filterOf(options), true)) {
    await writeThrough(`${options.json ? line : sentenceOf(event)}\n`);
  }
}

async function exportEvents(options: EventOptions): Promise<void> {
  const { output } = options;
  const client = connect(options);
  const target = await openTarget(output);
  const progress = startProgress('exporting', 'positions');
  let events = 0;
  let pending = '';
  try {
    for await (const { line, event, head } of readEvents(client, filterOf(options), false)) {
      pending += `${line}\n`;
      events += 1;
      if (pending.length < WRITE_CHARACTERS) continue;
      await target.write(pending);
      pending = '';
      progress.update(Number(event.position), head);
    }
    await target.write(pending);
    progress.stop();
    await target.finish();
  } catch (error) {
    progress.stop();
    await target.abandon();
    throw error;
  }
  if (output === undefined) return;
  print(options, { file: output, format: 'ndjson', events }, '');
  say(`${events} events written to ${output}`);
}

function filterOf({ after, limit, type, org, stream }: EventOptions) {
  return { after, limit, type, org, stream };
}

function sentenceOf({ position: at, occurredAt, type, stream, streamId, actor }: Envelope): string {
  const who = `${member(actor, 'kind')}:${member(actor, 'id')}`;
  return [at, occurredAt, type, stream ?? streamId, who]
    .map((part) => printable(String(part ?? '-')))
    .join('  ');
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
