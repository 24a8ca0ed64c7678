import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const VERSION = '4.3.0';
const JAVA_MIN = 17;
const DOWNLOAD_MS_MAX = 240_000;
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
const PROJECT = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>token-ledger</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version>
</dependency></dependencies></project>
`;

const run = promisify(execFile);

/** Where Kafka's jars are, or why there are none here and what to do about it. */
export type KafkaLibraries =
  | { readonly folder: string; readonly missing?: undefined }
  | { readonly folder?: undefined; readonly missing: string };

/**
 * Finds a Java and the jars of Kafka, which are downloaded from Maven Central on first use and kept outside
 * the repository, in `$XDG_CACHE_HOME/token-ledger` (default `~/.cache/token-ledger`).
 */
export async function findKafka(): Promise<KafkaLibraries> {
  const java = await javaVersion();
  if (java < JAVA_MIN) {
    const found = java === 0 ? 'there is none' : `this one is ${java}`;
    return { missing: `Kafka needs a Java of ${JAVA_MIN} or newer on the PATH, and ${found}` };
  }
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'token-ledger');
  const folder = join(cache, `kafka-${VERSION}`, 'lib');
  if (existsSync(folder)) return { folder };
  try {
    await download(cache, folder);
    return { folder };
  } catch (error) {
    const [why] = String(error).split('\n', 1);
    const missing =
      (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? 'Kafka is downloaded by Maven, and there is no `mvn` on the PATH: install Maven once'
        : `Kafka could not be downloaded from Maven Central: ${why}`;
    return { missing };
  }
}

async function javaVersion(): Promise<number> {
  try {
    const { stderr } = await run('java', ['-version']);
    return Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Downloads aside and renames, so that what is found is whole, also when two processes do it at once. */
async function download(cache: string, folder: string): Promise<void> {
  mkdirSync(join(folder, '..'), { recursive: true });
  const aside = mkdtempSync(join(cache, 'download-'));
  try {
    writeFileSync(join(aside, 'pom.xml'), PROJECT);
    const options = [`-DoutputDirectory=${join(aside, 'lib')}`, '-DincludeScope=runtime'];
    await run('mvn', ['-q', '-B', COPY, ...options], { cwd: aside, timeout: DOWNLOAD_MS_MAX });
    if (!existsSync(folder)) renameSync(join(aside, 'lib'), folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** `describe`, where Kafka can run; else a suite that is reported as skipped, with the reason on standard error. */
export function describeWith({ missing }: KafkaLibraries): jest.Describe {
  if (missing === undefined) return describe;
  process.stderr.write(`skipped: ${missing}\n`);
  return describe.skip;
}
