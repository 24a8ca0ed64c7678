import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsString, Matches, Max, Min, MinLength } from 'class-validator';
import { kafkaFaults, MessagingSettings, readSettings, settingNames } from '@ledger/process';

/** Every setting of the gateway, from the environment. */
export class GatewayConfig extends MessagingSettings {
  override readonly PORT: number = 8090;

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
}

const TOKEN = 'GATEWAY_LEDGER_TOKEN';
const TOKEN_FILE = `${TOKEN}_FILE`;

/** Names of all settings, for those who check what is documented. */
export const GATEWAY_SETTING_NAMES = [...settingNames(GatewayConfig), TOKEN_FILE];

/**
 * Reads the configuration from an environment. Empty values count as absent.
 *
 * @throws ConfigurationFault With all faults at once.
 */
export function readGatewayConfig(environment: NodeJS.ProcessEnv): Readonly<GatewayConfig> {
  const { [TOKEN_FILE]: tokenFile, ...given } = environment;
  const faults: string[] = [];
  if (tokenFile) {
    if (given[TOKEN]) faults.push(`${TOKEN} and ${TOKEN_FILE} must not both be given`);
    try {
      given[TOKEN] = readFileSync(tokenFile, 'utf8').trim();
    } catch (error) {
      faults.push(`${TOKEN_FILE} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
    }
  }
  return readSettings(GatewayConfig, {
    environment: given,
    prefixes: ['GATEWAY_', 'KAFKA_'],
    faultsOf: (config) => [...faults, ...feedFaults(config)],
  });
}

function feedFaults(config: GatewayConfig): readonly string[] {
  const { GATEWAY_FEED: feed, KAFKA_BROKERS: brokers } = config;
  const isLost = feed === 'kafka' && brokers === undefined;
  return [...(isLost ? ['GATEWAY_FEED=kafka needs KAFKA_BROKERS'] : []), ...kafkaFaults(config)];
}

/** The machine's name, in the form of a gateway's id. */
function defaultId(): string {
  const name = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-');
  return `gateway-${name}`.slice(0, 63);
}
