import { ValidateBy, ValidateIf, type ValidationOptions } from 'class-validator';
import { parseInstant } from '../instant.js';
import { isGrantableScope } from '../ledger-scopes.js';
import { LIMITS } from '../limits.js';
import { hasLength, isPlainText } from '../plain-text.js';
import { isObject } from './input-class.js';

/** A member that may be left out. Unlike IsOptional, it does not let null pass. */
export function Omittable(): PropertyDecorator {
  return ValidateIf((_object, value) => value !== undefined);
}

/** A member that may be left out, or be null. */
export function Nullable(): PropertyDecorator {
  return ValidateIf((_object, value) => value !== undefined && value !== null);
}

export function IsPlainText({ min, max }: { min: number; max: number }): PropertyDecorator {
  const isValid = (value: unknown): boolean =>
    typeof value === 'string' && hasLength(value, min, max) && isPlainText(value);
  return rule('isPlainText', isValid, `must be plain text of ${min} to ${max} characters`);
}

/** Text that names something to people, so that it must show. */
export function IsNotBlank(): PropertyDecorator {
  const isValid = (value: unknown): boolean => typeof value === 'string' && /\S/.test(value);
  return rule('isNotBlank', isValid, 'must not be blank');
}

export function IsScope(options: ValidationOptions): PropertyDecorator {
  const isValid = (value: unknown): boolean => typeof value === 'string' && isGrantableScope(value);
  const message = 'must hold scopes only: words joined by colons, or a ledger scope by its name';
  return rule('isScope', isValid, message, options);
}

export function IsInstant(): PropertyDecorator {
  const isValid = (value: unknown): boolean =>
    typeof value === 'string' && parseInstant(value) !== null;
  return rule('isInstant', isValid, 'must be an RFC 3339 instant, as in 2026-01-31T23:59:59.000Z');
}

/** Pairs of texts. `takesNull` lets a null stand for a pair that is to be removed. */
export function IsMetadata({ takesNull }: { takesNull: boolean }): PropertyDecorator {
  const isKey = (key: string): boolean => hasLength(key, 1, LIMITS.metadataKey) && isPlainText(key);
  const isText = (value: unknown): boolean =>
    typeof value === 'string' && hasLength(value, 0, LIMITS.metadataValue) && isPlainText(value);
  const isValid = (value: unknown): boolean =>
    isObject(value) &&
    Object.keys(value).length <= LIMITS.metadataPairs &&
    Object.entries(value).every(
      ([key, each]) => isKey(key) && (isText(each) || (takesNull && each === null)),
    );
  const { metadataPairs, metadataKey, metadataValue } = LIMITS;
  const message = `must hold at most ${metadataPairs} pairs of texts, keys to ${metadataKey} and values to ${metadataValue} characters`;
  return rule('isMetadata', isValid, message);
}

function rule(
  name: string,
  validate: (value: unknown) => boolean,
  message: string,
  options?: ValidationOptions,
): PropertyDecorator {
  return ValidateBy({ name, validator: { validate, defaultMessage: () => message } }, options);
}
