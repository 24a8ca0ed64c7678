import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { plainToInstance, Type } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsString,
  Matches,
  Max,
  Min,
  MinLength,
  ValidateIf,
  validateSync,
} from 'class-validator';

const usesKafka = ({ GATEWAY_FEED: feed }: GatewayConfig): boolean => feed === 'kafka';
const hasSasl = ({ GATEWAY_KAFKA_SASL: sasl }: GatewayConfig): boolean => sasl !== 'none';

/** Every setting of the gateway, from the environment. */
export class GatewayConfig {
  /** Address to listen on. */
  @IsString()
  @MinLength(1)
  readonly HOST: string = '127.0.0.1';

  /** Port to listen on; 0 takes a free one. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65_535)
  readonly PORT: number = 8090;

  /** Port on HOST for health and metrics alone, which the main port then does not answer; 0 is none. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65_535)
  readonly METRICS_PORT: number = 0;

  /** Origin of the ledger. */
  @Matches(/^https?:\/\/[^\s/]+$/, {
    message: 'GATEWAY_LEDGER_URL must be an origin such as http://host:port',
  })
  readonly GATEWAY_LEDGER_URL: string = 'http://127.0.0.1:8080';

  /** The gateway's own secret: may verify tokens and read events. Or in a file, by GATEWAY_LEDGER_TOKEN_FILE. */
  @IsString({ message: 'GATEWAY_LEDGER_TOKEN or GATEWAY_LEDGER_TOKEN_FILE must be given' })
  @Matches(/^[\x21-\x7e]+$/, { message: 'GATEWAY_LEDGER_TOKEN must be one visible word' })
  readonly GATEWAY_LEDGER_TOKEN!: string;

  /** Name under which the ledger knows this process; each must have its own. */
  @Matches(/^[a-z0-9][a-z0-9-]{0,62}$/, {
    message: 'GATEWAY_ID must match ^[a-z0-9][a-z0-9-]{0,62}$',
  })
  readonly GATEWAY_ID: string = defaultId();

  /** JSON file that says which calls need what. */
  @IsString()
  @MinLength(1)
  readonly GATEWAY_ROUTES_FILE: string = './gateway-routes.json';

  /** Realm of challenges. */
  @Matches(/^[\w .-]{1,64}$/, { message: 'GATEWAY_REALM must be letters, digits and " .-_"' })
  readonly GATEWAY_REALM: string = 'token-ledger';

  /** Where messages come from: the ledger itself, or Kafka. */
  @IsIn(['sse', 'kafka'])
  readonly GATEWAY_FEED: 'sse' | 'kafka' = 'sse';

  /** Brokers, with commas between them. */
  @ValidateIf(usesKafka)
  @Matches(/^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$/, {
    message: 'GATEWAY_KAFKA_BROKERS must be host:port, with commas between several',
  })
  readonly GATEWAY_KAFKA_BROKERS?: string;

  /** What the ledger's topics begin with. */
  @Matches(/^[\w.-]*$/)
  readonly GATEWAY_KAFKA_TOPIC_PREFIX: string = '';

  @IsIn(['on', 'off'])
  readonly GATEWAY_KAFKA_TLS: 'on' | 'off' = 'off';

  @IsIn(['none', 'plain', 'scram-sha-256', 'scram-sha-512'])
  readonly GATEWAY_KAFKA_SASL: 'none' | 'plain' | 'scram-sha-256' | 'scram-sha-512' = 'none';

  @ValidateIf(hasSasl)
  @IsString()
  @MinLength(1)
  readonly GATEWAY_KAFKA_USERNAME?: string;

  @ValidateIf(hasSasl)
  @IsString()
  @MinLength(1)
  readonly GATEWAY_KAFKA_PASSWORD?: string;

  /** How long an answer is good for when no message comes. */
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(30_000)
  readonly GATEWAY_CACHE_TTL_MS: number = 30_000;

  /** How many answers are kept. */
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(10_000_000)
  readonly GATEWAY_CACHE_ENTRIES: number = 100_000;

  /** Most units of one token that are taken in advance for routes of quota mode `leased`. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  readonly GATEWAY_LEASE_BLOCK: number = 100;

  /** The least serious log lines that are written. */
  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'silent'])
  readonly LOG_LEVEL: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'silent' = 'info';
}

/** The configuration is wrong. The message lists every fault, so that one round of mending is enough. */
export class ConfigurationFault extends Error {
  override readonly name = 'ConfigurationFault';
}

const TOKEN_FILE = 'GATEWAY_LEDGER_TOKEN_FILE';

/** Names of all settings, for those who check what is documented. */
export const GATEWAY_SETTING_NAMES = Object.keys(new GatewayConfig()).concat(
  ...['GATEWAY_LEDGER_TOKEN', TOKEN_FILE, 'GATEWAY_KAFKA_BROKERS'],
  ...['GATEWAY_KAFKA_USERNAME', 'GATEWAY_KAFKA_PASSWORD'],
);

/**
 * Reads the configuration from an environment. Empty values count as absent.
 *
 * @throws ConfigurationFault With all faults at once.
 */
export function readGatewayConfig(environment: NodeJS.ProcessEnv): Readonly<GatewayConfig> {
  const given = Object.fromEntries(
    GATEWAY_SETTING_NAMES.filter((name) => environment[name]).map((name) => [
      name,
      environment[name],
    ]),
  );
  const faults: string[] = [];
  const { [TOKEN_FILE]: tokenFile, ...settings } = given;
  if (tokenFile !== undefined) {
    if (settings['GATEWAY_LEDGER_TOKEN'] !== undefined) {
      faults.push(`GATEWAY_LEDGER_TOKEN and ${TOKEN_FILE} must not both be given`);
    }
    try {
      settings['GATEWAY_LEDGER_TOKEN'] = readFileSync(tokenFile, 'utf8').trim();
    } catch (error) {
      faults.push(`${TOKEN_FILE} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
    }
  }
  const config = plainToInstance(GatewayConfig, settings, { exposeDefaultValues: true });
  for (const { constraints } of validateSync(config)) {
    faults.push(...Object.values(constraints ?? {}).slice(-1));
  }
  if (config.METRICS_PORT !== 0 && config.METRICS_PORT === config.PORT) {
    faults.push('METRICS_PORT must not be equal to PORT');
  }
  for (const name of Object.keys(environment)) {
    if (name.startsWith('GATEWAY_') && !GATEWAY_SETTING_NAMES.includes(name)) {
      faults.push(`${name} is not a setting of this service`);
    }
  }
  if (faults.length > 0) {
    throw new ConfigurationFault(`The configuration is wrong:\n- ${faults.join('\n- ')}`);
  }
  return Object.freeze(config);
}

/** The machine's name, in the form of a gateway's id. */
function defaultId(): string {
  const name = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-');
  return `gateway-${name}`.slice(0, 63);
}
