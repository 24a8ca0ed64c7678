import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const HEAP = ['-Xms192m', '-Xmx320m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/**
 * Starts what follows, says its process id, and kills it once standard input closes: a broker never
 * outlives whoever started it, however that one ended.
 */
const GUARD = [
  'exec 3<&0',
  '"$@" </dev/null 3<&- & BROKER=$!',
  'echo $BROKER',
  '{ cat <&3 >/dev/null; kill -9 $BROKER 2>/dev/null; } &',
  'wait $BROKER',
].join('\n');

export interface BrokerSettings {
  readonly libraries: string;
  /** Holds its log and its configuration; what is there already is gone on with. */
  readonly directory: string;
  /** 22 characters, the same for every broker of a cluster. */
  readonly clusterId: string;
  readonly nodeId: number;
  readonly properties: Readonly<Record<string, string>>;
}

/** One Kafka broker in a process of its own, to be hurt by tests. */
export class KafkaBroker {
  #guard: ChildProcess | undefined;
  #pid: number | undefined;

  constructor(private readonly settings: BrokerSettings) {
    const { directory, libraries, clusterId, properties } = settings;
    mkdirSync(directory, { recursive: true });
    const text = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(this.#configuration, text.join(''));
    if (existsSync(join(directory, 'log', 'meta.properties'))) return;
    // With an equals sign, since one random id of 64 begins with a dash, and would be taken for an option.
    const format = ['format', `--cluster-id=${clusterId}`, '-c', this.#configuration];
    const options = [
      '-cp',
      `${libraries}/*`,
      'kafka.tools.StorageTool',
      ...format,
      '--ignore-formatted',
    ];
    const { status, stderr } = spawnSync('java', options, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the broker's storage could not be formatted: ${stderr}`);
  }

  get #configuration(): string {
    return join(this.settings.directory, 'server.properties');
  }

  /** Starts the process; it is ready somewhat later. */
  async start(): Promise<void> {
    const { libraries, directory } = this.settings;
    const java = ['java', ...HEAP, '-cp', `${libraries}/*`, 'kafka.Kafka', this.#configuration];
    const guard = spawn('/bin/sh', ['-c', GUARD, 'broker', ...java], {
      cwd: directory,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    guard.stdin.on('error', () => undefined);
    this.#guard = guard;
    const [line] = (await once(guard.stdout, 'data')) as [Buffer];
    this.#pid = Number.parseInt(line.toString(), 10);
    guard.stdout.resume();
  }

  get isRunning(): boolean {
    return this.#pid !== undefined;
  }

  /** Ends it without a chance to say goodbye, and waits until it is gone. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Ends it in order. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Lets it hang: connections stay open and nothing is answered. */
  pause(): void {
    if (this.#pid) process.kill(this.#pid, 'SIGSTOP');
  }

  resume(): void {
    if (this.#pid) process.kill(this.#pid, 'SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const guard = this.#guard;
    const pid = this.#pid;
    if (!guard || !pid) return;
    this.#pid = undefined;
    const exited = guard.exitCode === null ? once(guard, 'exit') : undefined;
    try {
      process.kill(pid, signal);
      if (signal !== 'SIGKILL') process.kill(pid, 'SIGCONT');
    } catch {
      // It has ended by itself.
    }
    await exited;
    guard.stdin?.destroy();
  }
}
