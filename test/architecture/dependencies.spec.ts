import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = process.cwd();
/** What is in production today. It may fall; whoever raises it says why. */
const PRODUCTION_PACKAGES_MAX = 169;
/** Packages that run code when they are installed: the driver of the log, which fetches or builds its binary. */
const INSTALL_SCRIPTS_ALLOWED = ['better-sqlite3'];
const SLOW_HASHES = /(?:^|\/)(?:bcrypt|bcryptjs|argon2|argon2-browser|scrypt|scrypt-js|pbkdf2)$/;

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

function json<T>(file: string): T {
  return JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as T;
}

const manifest = json<Manifest>('package.json');
const { packages } = json<{ readonly packages: Readonly<Record<string, Locked>> }>(
  'package-lock.json',
);
const installed = Object.entries(packages).filter(([path]) => path !== '');
const production = installed.filter(([, { dev, devOptional }]) => !dev && !devOptional);

describe('what the service is made of (C4)', () => {
  it('is named by exact versions', () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies };
    const loose = Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    expect(loose).toEqual([]);
  });

  it('is locked by its contents, and comes from no place but a registry', () => {
    const unlocked = installed.filter(([, each]) => {
      const isFromElsewhere = /^(?:git|http:|file:)/.test(each.resolved ?? '');
      return each.link === true || isFromElsewhere || !each.integrity?.startsWith('sha512-');
    });
    expect(unlocked.map(([path]) => path)).toEqual([]);
  });

  it('does not grow unnoticed', () => {
    expect(production.length).toBeLessThanOrEqual(PRODUCTION_PACKAGES_MAX);
  });

  it('runs no code of its packages when it is installed, but that of the driver', () => {
    expect(Object.keys(manifest.allowScripts)).toEqual(INSTALL_SCRIPTS_ALLOWED);
  });

  it('holds no package that hashes slowly (S5)', () => {
    expect(installed.map(([path]) => path).filter((path) => SLOW_HASHES.test(path))).toEqual([]);
  });
});

/** The code that ships, by file. */
const sources = ['apps', 'libs'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.spec\.ts$|\/testing\//.test(name))
    .map((name) => join(folder, name)),
);

function filesWith(form: RegExp): readonly string[] {
  return sources.filter((file) => form.test(readFileSync(join(ROOT, file), 'utf8')));
}

describe('the code that ships', () => {
  it('takes no randomness that can be guessed (S1)', () => {
    expect(sources.length).toBeGreaterThan(150);
    // Jitter between attempts, on which nothing depends.
    const jitter =
      /\/(?:backoff|api-client|event-reader)\.ts$|^libs\/publishing\/|^libs\/gateway-cache\//;
    expect(filesWith(/Math\.random/).filter((file) => !jitter.test(file))).toEqual([]);
  });

  it('reads the time in few places, and sets no timer by a deadline (X1, X2)', () => {
    expect(filesWith(/setTimeout\([^)]*(?:expiresAt|validUntil|resetAt|windowEnd)/)).toEqual([]);
    const domain = filesWith(/Date\.now\(|new Date\(\)/).filter((file) =>
      /^libs\/(?:domain|commands|read-models|event-store\/src\/codec)\//.test(file),
    );
    expect(domain).toEqual([]);
  });

  it('asks for no code at run time', () => {
    expect(filesWith(/\beval\(|new Function\(|createContext\(/)).toEqual([]);
  });
});
