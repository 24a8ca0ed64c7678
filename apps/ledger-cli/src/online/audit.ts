import { type Command, Option } from 'commander';
import { defineCommand } from '../define-command.js';
import { asFault, CliFault, ExitCode, usageFault } from '../exit-code.js';
import { print, say } from '../terminal/output.js';
import { startProgress } from '../terminal/progress.js';
import { path } from './api-client.js';
import { asksService, connect, type ConnectionOptions } from './connection.js';
import { openTarget } from './export-target.js';
import { instant } from './option-values.js';
import { responseLines } from './response-lines.js';

const MEDIA_TYPES = { ndjson: 'application/x-ndjson', csv: 'text/csv' } as const;

interface ExportOptions extends ConnectionOptions {
  readonly org: string;
  readonly format: keyof typeof MEDIA_TYPES;
  readonly type?: string;
  readonly token?: string;
  readonly actor?: string;
  readonly from?: string;
  readonly to?: string;
  readonly output?: string;
}

export function addAuditCommands(audit: Command): void {
  const command = asksService(
    defineCommand(audit, {
      usage: 'export',
      summary: "an organization's audit log, newest first, as a whole",
      examples: [
        'token-ledger audit export --org demo --format csv --output audit.csv',
        'token-ledger audit export --org demo --type TokenRevoked --from 2026-01-01T00:00:00Z',
      ],
      notes:
        'With --output the file appears once it is complete, and --json tells what was written.\n' +
        'Without it the export itself goes to stdout, one JSON document a line or as CSV.',
    }),
  );
  command
    .requiredOption('--org <org>', 'slug or id of the organization')
    .addOption(
      new Option('--format <format>', 'how').choices(Object.keys(MEDIA_TYPES)).default('ndjson'),
    )
    .option('--type <type>', 'only events of this type')
    .option('--token <token-id>', 'only events about this token')
    .option('--actor <id>', 'only what this person or token did')
    .option('--from <instant>', 'not before', instant)
    .option('--to <instant>', 'before', instant)
    .option('--output <file>', 'write to this file instead of stdout');
  command.action(() => exportAudit(command.opts<ExportOptions>()));
}

async function exportAudit(options: ExportOptions): Promise<void> {
  const { org, format, type, token: tokenId, actor, from, to, output } = options;
  if (options.json && format === 'csv' && output === undefined) {
    throw usageFault(
      'CSV on stdout is not JSON: leave --json out, or write to a file with --output',
    );
  }
  const response = await connect(options).open({
    method: 'GET',
    path: path`/v1/orgs/${org}/audit-events`,
    query: { type, tokenId, actor, from, to },
    headers: { accept: MEDIA_TYPES[format] },
  });
  const target = await openTarget(output);
  const progress = startProgress('exporting', format === 'csv' ? 'lines' : 'events');
  let lines = 0;
  let bytes = 0;
  try {
    for await (const batch of responseLines(response)) {
      const text = `${batch.join('\n')}\n`;
      lines += batch.filter((line) => line !== '').length;
      bytes += Buffer.byteLength(text);
      await target.write(text);
      progress.update(lines, 0);
    }
    progress.stop();
    await target.finish();
  } catch (error) {
    progress.stop();
    await target.abandon();
    throw brokenOff(error, lines);
  }
  if (output === undefined) return;
  const events = format === 'csv' ? Math.max(0, lines - 1) : lines;
  print(options, { file: output, format, events, bytes }, '');
  say(`${events} events, ${bytes} bytes, written to ${output}`);
}

/** What was exported so far cannot be continued: entries are newest first, and new ones come meanwhile. */
function brokenOff(error: unknown, lines: number): CliFault {
  const { message, details } = asFault(error);
  const said = `the export broke off after ${lines} lines, so it is not complete: ${message}`;
  return new CliFault(ExitCode.unavailable, said, { ...details, code: 'EXPORT_BROKE_OFF' });
}
