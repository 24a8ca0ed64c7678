import { readFileSync } from 'node:fs';
import type { Rejection } from '@ledger/domain';
import { refuse } from '../../apps/ledger-api/src/dialects/socmate/socmate-answers.js';

/** What docs/errors.md says that this dialect answers: by code, a status and often a text. */
function documented(): readonly (readonly [code: string, answer: string])[] {
  const [head, ...rows] = readFileSync('docs/errors.md', 'utf8')
    .split('\n')
    .filter((line) => /^\| (?:code|`)/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const column = head!.indexOf('SoCMate `/api`');
  return rows.map((cells) => [cells[1]!.replaceAll('`', ''), cells[column]!] as const);
}

it.each(documented())('%s is answered as docs/errors.md says: %s', (code, answer) => {
  const [status, text] = answer.split(' `');
  const { answer: told } = refuse({ code } as Rejection);
  expect(told.status).toBe(Number(status));
  const { detail } = told.body as { detail: string };
  expect(detail).toBe(text === undefined ? detail : text.replace('`', ''));
  expect(told.headers?.['www-authenticate']).toBe(told.status === 401 ? 'Bearer' : undefined);
});
