import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import type { CheckpointReply, CheckpointRequest } from './wal-checkpoints.js';

/** Its own connection to the file: a checkpoint holds up neither who reads nor who writes on another one. */
function startCheckpoints(file: string, reply: (message: CheckpointReply) => void) {
  const db = open(file);
  return (request: CheckpointRequest): void => {
    if (request === 'close') {
      db.close();
      return;
    }
    try {
      db.pragma('wal_checkpoint(PASSIVE)');
      reply({ outcome: 'done' });
    } catch (error) {
      const { code, message } = error as { readonly code?: string; readonly message: string };
      reply({ outcome: 'failed', code, message });
    }
  };
}

function open(file: string): Database.Database {
  try {
    const db = new Database(file, { fileMustExist: true });
    db.pragma('synchronous = NORMAL');
    return db;
  } catch (error) {
    // The driver's own kind of error loses its message on the way to another thread.
    throw new Error((error as Error).message, { cause: String(error) });
  }
}

const port = parentPort;
if (port) {
  const { file } = workerData as { readonly file: string };
  const handle = startCheckpoints(file, (message) => port.postMessage(message));
  port.on('message', (request: CheckpointRequest) => {
    handle(request);
    // Nothing keeps the thread alive from here on.
    if (request === 'close') port.close();
  });
}
