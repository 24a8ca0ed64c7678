import { Type } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  MinLength,
  ValidateIf,
} from 'class-validator';
import type { WindowLength } from '@ledger/domain';
import { MessagingSettings, readSettings, settingNames } from '@ledger/process';
import { relayFaults } from './relay-config.js';
import { sharedStoreFaults } from './shared-store-config.js';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Every setting of the service, from the environment. All have defaults that run. */
export class LedgerConfig extends MessagingSettings {
  /** Where the embedded store and the read models of this process live. */
  @IsString()
  @MinLength(1)
  readonly LEDGER_DATA_DIR: string = './data';

  /** `sqlite`: on this disk. `eventstoredb`: shared by many processes. `memory`: ends with the process. */
  @IsIn(['sqlite', 'eventstoredb', 'memory'])
  readonly LEDGER_STORE: 'sqlite' | 'eventstoredb' | 'memory' = 'sqlite';

  /** Connection string. Never holds a password, for it is logged. */
  @IsOptional()
  @Matches(/^esdb(\+discover)?:\/\/[^\s@]+$/, {
    message:
      'LEDGER_EVENTSTOREDB_URL must begin with esdb:// or esdb+discover:// and hold no credentials: those ' +
      'belong in LEDGER_EVENTSTOREDB_USER and LEDGER_EVENTSTOREDB_PASSWORD_FILE',
  })
  readonly LEDGER_EVENTSTOREDB_URL?: string;

  /** PEM file of the authority that signed the servers' certificates; else the system's authorities. */
  @IsOptional()
  @IsString()
  readonly LEDGER_EVENTSTOREDB_CA_FILE?: string;

  /** The database user that may append and read, and nothing else. */
  @IsOptional()
  @IsString()
  readonly LEDGER_EVENTSTOREDB_USER?: string;

  /** File that holds that user's password. */
  @IsOptional()
  @IsString()
  readonly LEDGER_EVENTSTOREDB_PASSWORD_FILE?: string;

  /** Begins the names of this ledger's streams; another ledger on the same database needs another one. */
  @Matches(/^[A-Za-z][A-Za-z0-9-]{0,62}-$/, {
    message: 'LEDGER_EVENTSTOREDB_PREFIX must be letters, digits and hyphens, ending with a hyphen',
  })
  readonly LEDGER_EVENTSTOREDB_PREFIX: string = 'ledger-';

  /** The key of a shared ledger, the same file on every node. Else `ledger.key` in the data directory. */
  @IsOptional()
  @IsString()
  readonly LEDGER_MASTER_KEY_FILE?: string;

  /** How long a node may go on judging after it last knew that it held the whole shared log. */
  @Type(() => Number)
  @IsInt()
  @Min(500)
  @Max(600_000)
  readonly LEDGER_STALENESS_MAX_MS: number = 5_000;

  /** How long the start waits for a shared store that does not answer yet. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(3_600_000)
  readonly LEDGER_START_TIMEOUT_MS: number = 60_000;

  /** `true` allows connections without TLS in production, where something else protects them. */
  @IsIn(['true', 'false'])
  readonly LEDGER_ALLOW_PLAINTEXT: 'true' | 'false' = 'false';

  /** Copies of each partition, where the relay makes topics. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(9)
  readonly KAFKA_REPLICATION_FACTOR: number = 3;

  /** Partitions of the topics of messages, where the relay makes them. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000)
  readonly KAFKA_PARTITIONS: number = 3;

  /** `off` leaves the sending of messages to other processes. */
  @IsIn(['on', 'off'])
  readonly LEDGER_RELAY: 'on' | 'off' = 'on';

  /** How long a quota window lasts, in UTC. Recorded in each charge, so it may be changed later. */
  @IsIn(['hour', 'day', 'month'])
  readonly QUOTA_WINDOW: WindowLength = 'month';

  /** The demo admin's personal token on the first start, a UUID v4; a random one when absent. */
  @ValidateIf(({ LEDGER_BOOTSTRAP_TOKEN: token }: LedgerConfig) => token !== undefined)
  @Matches(UUID_V4, { message: 'LEDGER_BOOTSTRAP_TOKEN must be a UUID v4' })
  readonly LEDGER_BOOTSTRAP_TOKEN?: string;

  /** Where calls to SoCMate's data routes are passed on to; without it they are answered with an empty list. */
  @ValidateIf(({ UPSTREAM_URL: url }: LedgerConfig) => url !== undefined)
  @Matches(/^https?:\/\/[^\s/]+$/, {
    message: 'UPSTREAM_URL must be an origin such as http://host:port',
  })
  readonly UPSTREAM_URL?: string;

  /** How long a create or rotate with the same body counts as a retry, in milliseconds; 0 is never. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(3_600_000)
  readonly LEDGER_RETRY_WINDOW_MS: number = 0;

  /** How long an old secret must not have been used before its grace is called safe to close. */
  @Type(() => Number)
  @IsInt()
  @Min(60_000)
  @Max(2_592_000_000)
  readonly LEDGER_SAFE_TO_CLOSE_MS: number = 86_400_000;

  /** How many requests may be under way at once; what comes on top is refused, unless it is urgent. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly LEDGER_REQUESTS_MAX: number = 128;

  /** In `production` nothing is created implicitly: the ledger must exist before the service starts. */
  @IsIn(['development', 'test', 'production'])
  readonly NODE_ENV: 'development' | 'test' | 'production' = 'development';
}

/** What the command line reads from the same environment: neither settings here nor mistakes. */
const OF_THE_COMMAND_LINE = ['LEDGER_URL', 'LEDGER_TOKEN'];

/** Names of all settings, for those who check what is documented. */
export const SETTING_NAMES = settingNames(LedgerConfig);

/**
 * Reads the configuration from an environment. Empty values count as absent.
 *
 * @throws ConfigurationFault With all faults at once.
 */
export function readConfig(environment: NodeJS.ProcessEnv): Readonly<LedgerConfig> {
  return readSettings(LedgerConfig, {
    environment,
    prefixes: ['LEDGER_', 'KAFKA_'],
    foreign: OF_THE_COMMAND_LINE,
    faultsOf: (config) => [...sharedStoreFaults(config), ...relayFaults(config)],
  });
}
