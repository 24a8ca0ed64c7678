import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const SEED = readFileSync('test/reference/socmate-api-keys.docs.txt', 'utf8');
const SEED_HOST = 'https://api.socmate.yourcompany.com';

/** A documented curl command, and the JSON that the document shows as its answer. */
export interface SeedCommand {
  readonly text: string;
  readonly answer: unknown;
}

/** Every curl command of the document, in its order, as it is written there. */
export const seedCommands: readonly SeedCommand[] = [
  // A command goes on over lines that end in a backslash, and over those of its quoted body.
  ...SEED.matchAll(/^curl (?:'[^']*'|"[^"]*"|\\\n|[^\n'"\\])+/gm),
].map(({ 0: text, index }) => {
  const [, answer] = /^\nResponse:\n(\{[^]*?\n\})\n/.exec(SEED.slice(index + text.length)) ?? [];
  return { text, answer: answer === undefined ? undefined : (JSON.parse(answer) as unknown) };
});

/** The one error that the document shows. */
export const seedError = /^\{\n {2}"detail": .*\n\}$/m.exec(SEED)![0];

/** What a reader puts in the place of what the document cannot know. */
export interface SeedValues {
  readonly url: string;
  readonly adminToken: string;
  readonly keyId?: string;
  readonly apiKey?: string;
}

export interface CommandAnswer {
  readonly status: number;
  readonly text: string;
}

/** Runs a documented command in a shell. */
export async function runSeedCommand(
  { text }: SeedCommand,
  { url, adminToken, keyId = '', apiKey = '' }: SeedValues,
): Promise<CommandAnswer> {
  const filled = text
    .replace(SEED_HOST, url)
    .replace('<admin_token>', adminToken)
    .replace('sk_live_k_abc123_7f8a9b0c...', apiKey)
    .replace('k_abc123', keyId);
  const script = `${filled} --silent --write-out '\\n%{http_code}'`;
  const { stdout } = await promisify(execFile)('sh', ['-c', script]);
  const cut = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(cut + 1)), text: stdout.slice(0, cut) };
}
