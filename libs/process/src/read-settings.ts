import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validateSync } from 'class-validator';
import type { ProcessSettings } from './process-settings.js';

/** The configuration is wrong. The message lists every fault, so that one round of mending is enough. */
export class ConfigurationFault extends Error {
  override readonly name = 'ConfigurationFault';
}

export interface SettingsSource<Settings> {
  readonly environment: NodeJS.ProcessEnv;
  /** Begins the names that are this service's own: one that is no setting is a mistake. */
  readonly prefixes: readonly string[];
  /** Names that are neither settings here nor mistakes. */
  readonly foreign?: readonly string[];
  /** What is wrong with settings that are each right. */
  readonly faultsOf?: (settings: Settings) => readonly string[];
}

/** Names of all settings of a class, for those who check what is documented. */
export function settingNames(type: new () => object): readonly string[] {
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  return [...new Set(rules.map(({ propertyName }) => propertyName))].sort();
}

/**
 * Reads settings from an environment. Empty values count as absent.
 *
 * @throws ConfigurationFault With all faults at once.
 */
export function readSettings<Settings extends ProcessSettings>(
  type: new () => Settings,
  { environment, prefixes, foreign = [], faultsOf = () => [] }: SettingsSource<Settings>,
): Readonly<Settings> {
  const names = settingNames(type);
  const given = names.flatMap((name) => (environment[name] ? [[name, environment[name]]] : []));
  const settings = plainToInstance(type, Object.fromEntries(given) as object, {
    exposeDefaultValues: true,
  });
  const faults = validateSync(settings).flatMap(({ constraints }) =>
    // The last one says it best: the others follow from it, or repeat it.
    Object.values(constraints ?? {}).slice(-1),
  );
  if (settings.METRICS_PORT !== 0 && settings.METRICS_PORT === settings.PORT) {
    faults.push('METRICS_PORT must not be equal to PORT');
  }
  faults.push(...faultsOf(settings));
  const unknown = Object.keys(environment).filter((name) => {
    const isOwn = prefixes.some((prefix) => name.startsWith(prefix));
    return isOwn && !names.includes(name) && !foreign.includes(name);
  });
  for (const name of unknown) faults.push(`${name} is not a setting of this service`);
  if (faults.length > 0) {
    throw new ConfigurationFault(`The configuration is wrong:\n- ${faults.join('\n- ')}`);
  }
  return Object.freeze(settings);
}
