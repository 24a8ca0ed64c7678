import { parentPort, workerData } from 'node:worker_threads';
import { HeadFile } from './head-file.js';
import { ledgerFiles } from './ledger-files.js';
import { LogWriter, writerFailure } from './log-writer.js';
import { ReservedWriter } from './reserved-writer.js';
import { SpaceReserve } from './space-reserve.js';
import { openWriter, settingsOf, sqliteCode, type Connection } from './sqlite-connection.js';
import { unpackAppends, type WriterReply, type WriterRequest } from './writer-messages.js';

/**
 * The thread that writes. It does one batch at a time: transaction, flush, head file, and only then the answer,
 * so that whatever was answered is on the disk.
 */
function startWriter(directory: string, reply: (message: WriterReply) => void) {
  const files = ledgerFiles(directory);
  const connection = openWriter(files.database);
  const writer = new LogWriter(connection);
  const headFile = HeadFile.open(files.head);
  const reserved = new ReservedWriter(writer, new SpaceReserve(files.reserve));
  reply({ kind: 'ready', position: writer.head.position, settings: settingsOf(connection) });

  let broken: WriterReply | undefined;
  return (request: WriterRequest): void => {
    if (request.kind === 'close') {
      // On a failing disk it would only overwrite what may still be good.
      if (!broken) tidyUp(connection);
      connection.close();
      headFile.close();
      return reply({ kind: 'closed' });
    }
    if (broken) return reply(broken);
    try {
      const { verdicts, flushMs } = reserved.write(unpackAppends(request.batch));
      if (flushMs > 0) headFile.write(writer.head);
      reply({ kind: 'written', verdicts, flushMs, isDiskFull: reserved.isFull });
    } catch (error) {
      const failure = writerFailure(error);
      if (failure.reason === 'broken') broken = failure;
      reply(failure);
    }
  };
}

/** Moves the log into the database file. Where there is no room for it, it stays in the WAL, as durable as before. */
function tidyUp(connection: Connection): void {
  try {
    connection.pragma('wal_checkpoint(TRUNCATE)');
  } catch (error) {
    if (sqliteCode(error) === undefined) throw error;
  }
}

const port = parentPort;
if (port) {
  const { directory } = workerData as { readonly directory: string };
  const handle = startWriter(directory, (message) => port.postMessage(message));
  port.on('message', (request: WriterRequest) => {
    handle(request);
    // Nothing keeps the thread alive from here on.
    if (request.kind === 'close') port.close();
  });
}
