import { readFileSync } from 'node:fs';
import type { EventStoreDbOptions } from '@ledger/event-store';

/** What a fresh EventStoreDB lets everybody in with. */
const DEFAULT_PASSWORD = 'changeit';
const ADMINISTRATORS = ['admin', 'ops'];

/** The settings that say where a shared log is and who reads it. */
export interface SharedStoreSettings {
  readonly NODE_ENV: 'development' | 'test' | 'production';
  readonly LEDGER_STORE: 'sqlite' | 'eventstoredb' | 'memory';
  readonly LEDGER_EVENTSTOREDB_URL?: string;
  readonly LEDGER_EVENTSTOREDB_CA_FILE?: string;
  readonly LEDGER_EVENTSTOREDB_USER?: string;
  readonly LEDGER_EVENTSTOREDB_PASSWORD_FILE?: string;
  readonly LEDGER_EVENTSTOREDB_PREFIX: string;
  readonly LEDGER_MASTER_KEY_FILE?: string;
  readonly LEDGER_ALLOW_PLAINTEXT: 'true' | 'false';
}

/** The configuration cannot be used, for a reason that only a look at its files could tell. */
export class SharedStoreFault extends Error {
  override readonly name = 'SharedStoreFault';
}

/** What is wrong with the settings of the shared store as they are, files unread. */
export function sharedStoreFaults(config: SharedStoreSettings): readonly string[] {
  const { LEDGER_STORE: store, LEDGER_EVENTSTOREDB_URL: url } = config;
  if (store !== 'eventstoredb') {
    const given = (['LEDGER_EVENTSTOREDB_URL', 'LEDGER_MASTER_KEY_FILE'] as const).filter(
      (name) => config[name] !== undefined,
    );
    return given.map((name) => `${name} is of no use unless LEDGER_STORE is eventstoredb`);
  }
  const faults: string[] = [];
  if (url === undefined) faults.push('LEDGER_STORE=eventstoredb needs LEDGER_EVENTSTOREDB_URL');
  const { LEDGER_EVENTSTOREDB_USER: user, LEDGER_EVENTSTOREDB_PASSWORD_FILE: file } = config;
  if ((user === undefined) !== (file === undefined)) {
    faults.push(
      'LEDGER_EVENTSTOREDB_USER and LEDGER_EVENTSTOREDB_PASSWORD_FILE must be set together',
    );
  }
  if (config.NODE_ENV === 'production' && url !== undefined) {
    faults.push(...productionFaults(config, url));
  }
  return faults;
}

function productionFaults(config: SharedStoreSettings, url: string): readonly string[] {
  const faults: string[] = [];
  const isPlaintext = isPlain(url);
  const hasCredentials =
    config.LEDGER_EVENTSTOREDB_USER !== undefined || /[?&]usercertfile=/.test(flat(url));
  if (isPlaintext && config.LEDGER_ALLOW_PLAINTEXT !== 'true') {
    faults.push(
      'LEDGER_EVENTSTOREDB_URL says tls=false, which is refused in production: use TLS, or set ' +
        'LEDGER_ALLOW_PLAINTEXT=true where the network is protected otherwise',
    );
  }
  if (!isPlaintext && !hasCredentials) {
    faults.push(
      'in production the database needs credentials: set LEDGER_EVENTSTOREDB_USER and ' +
        'LEDGER_EVENTSTOREDB_PASSWORD_FILE (docs/eventstoredb.md says how to make a user that cannot delete)',
    );
  }
  if (ADMINISTRATORS.includes(config.LEDGER_EVENTSTOREDB_USER ?? '')) {
    faults.push(
      'LEDGER_EVENTSTOREDB_USER must not be an administrator in production: make a user that may only append ' +
        'and read (docs/eventstoredb.md)',
    );
  }
  if (config.LEDGER_MASTER_KEY_FILE === undefined) {
    faults.push('in production LEDGER_MASTER_KEY_FILE must name the key that all nodes share');
  }
  return faults;
}

/**
 * How to reach the configured database. Reads the password file.
 *
 * @throws SharedStoreFault When the file cannot be read, is empty, or holds a database's default password.
 */
export function databaseTarget(
  config: SharedStoreSettings,
): Pick<EventStoreDbOptions, 'connectionString' | 'tlsCaFile' | 'credentials' | 'streamPrefix'> {
  const { LEDGER_EVENTSTOREDB_URL: connectionString = '', LEDGER_EVENTSTOREDB_USER: username } =
    config;
  const { LEDGER_EVENTSTOREDB_CA_FILE: tlsCaFile, LEDGER_EVENTSTOREDB_PASSWORD_FILE: file } =
    config;
  const target = { connectionString, streamPrefix: config.LEDGER_EVENTSTOREDB_PREFIX };
  return {
    ...target,
    ...(tlsCaFile !== undefined && { tlsCaFile }),
    ...(username !== undefined &&
      file !== undefined && { credentials: { username, password: passwordIn(file, config) } }),
  };
}

function passwordIn(file: string, { NODE_ENV }: SharedStoreSettings): string {
  let password: string;
  try {
    password = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new SharedStoreFault(
      `LEDGER_EVENTSTOREDB_PASSWORD_FILE cannot be read: ${file} (${code ?? 'unknown error'})`,
      { cause },
    );
  }
  if (password === '') throw new SharedStoreFault(`${file} is empty instead of holding a password`);
  if (NODE_ENV === 'production' && password === DEFAULT_PASSWORD) {
    throw new SharedStoreFault(
      `${file} holds the password that every new EventStoreDB has. Change it in the database first.`,
    );
  }
  return password;
}

/** Names and values as the client reads them: whatever their case, hyphens and underscores. */
function isPlain(url: string): boolean {
  const [, query = ''] = url.split('?', 2);
  return query.split('&').some((option) => /^tls=false$/.test(flat(option)));
}

function flat(text: string): string {
  return text.toLowerCase().replace(/[\s_-]/g, '');
}
