#!/usr/bin/env node
import { CommanderError } from 'commander';
import { ExitCode } from './exit-code.js';
import { createProgram } from './program.js';
import { endWithReader, fail } from './terminal/output.js';

const isJsonWanted = process.argv.includes('--json');

endWithReader();
try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has said what is wrong, or shown the help that was asked for.
    const isAskedFor = error.exitCode === 0;
    process.exitCode = isAskedFor ? ExitCode.ok : ExitCode.usage;
    if (!isAskedFor && isJsonWanted) {
      const { message } = error;
      const document = { code: 'USAGE', message, exitCode: ExitCode.usage };
      process.stdout.write(`${JSON.stringify({ error: document })}\n`);
    }
  } else {
    fail(error, isJsonWanted);
  }
}
