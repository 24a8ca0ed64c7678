import { Transform } from 'class-transformer';
import {
  ArrayMinSize,
  IsArray,
  IsIn,
  IsInt,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateIf,
  type ValidationOptions,
} from 'class-validator';
import { SOCMATE_SCOPES } from '@ledger/domain';

const NAME_LENGTH_MAX = 100;
const DESCRIPTION_LENGTH_MAX = 500;
const SEARCH_LENGTH_MAX = 500;
const DAYS_MAX = 3650;
const GRACE_DAYS_MAX = 365;
/** Controls, bidi overrides and lone surrogates have no place in a name (H6). */
const PLAIN_TEXT = /^[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]*$/u;
/** The same, in lines. */
const PLAIN_LINES = /^(?:[\t\n\r]|[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069])*$/u;
const SCOPE_NAMES = SOCMATE_SCOPES.map((scope) => `'${scope}'`).join(', ');

/** A fault in the words that clients of this dialect know. */
const says = (message: string, type: string): ValidationOptions => ({ message, context: { type } });

const asString = says('str type expected', 'type_error.str');
const asInteger = says('value is not a valid integer', 'type_error.integer');
const asText = says('control characters are not allowed', 'value_error.str.regex');
const asScope = says(`unexpected value; permitted: ${SCOPE_NAMES}`, 'value_error.const');
const notBelow = (least: number): ValidationOptions =>
  says(`ensure this value is greater than or equal to ${least}`, 'value_error.number.not_ge');
const notAbove = (most: number): ValidationOptions =>
  says(`ensure this value is less than or equal to ${most}`, 'value_error.number.not_le');
const notEmpty = (thing: string, type: string): ValidationOptions =>
  says(`ensure this value has at least 1 ${thing}`, type);
const notLonger = (most: number): ValidationOptions =>
  says(`ensure this value has at most ${most} characters`, 'value_error.any_str.max_length');

/** Both a member that is left out and one that is null take the default. */
const Nullable = (): PropertyDecorator =>
  ValidateIf((_object, value) => value !== undefined && value !== null);
const Omittable = (): PropertyDecorator => ValidateIf((_object, value) => value !== undefined);

function Composed(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => {
    return typeof value === 'string' ? value.normalize('NFC') : value;
  });
}

function Trimmed(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => {
    return typeof value === 'string' ? value.trim() : value;
  });
}

// Of several rules, the one nearest to its property is checked first, and alone told when it fails.

export class CreateKeyBody {
  @Composed()
  @Trimmed()
  @MaxLength(NAME_LENGTH_MAX, notLonger(NAME_LENGTH_MAX))
  @MinLength(1, notEmpty('characters', 'value_error.any_str.min_length'))
  @Matches(PLAIN_TEXT, asText)
  @IsString(asString)
  readonly name!: string;

  @Nullable()
  @Composed()
  @MaxLength(DESCRIPTION_LENGTH_MAX, notLonger(DESCRIPTION_LENGTH_MAX))
  @Matches(PLAIN_LINES, asText)
  @IsString(asString)
  readonly description?: string | null;

  @IsIn(SOCMATE_SCOPES, { each: true, ...asScope })
  @ArrayMinSize(1, notEmpty('items', 'value_error.list.min_items'))
  @IsArray(says('value is not a valid list', 'type_error.list'))
  readonly scopes!: string[];

  @Nullable()
  @Max(DAYS_MAX, notAbove(DAYS_MAX))
  @Min(1, notBelow(1))
  @IsInt(asInteger)
  readonly expires_in_days?: number | null;
}

export class RotateKeyBody {
  @Nullable()
  @Max(GRACE_DAYS_MAX, notAbove(GRACE_DAYS_MAX))
  @Min(0, notBelow(0))
  @IsInt(asInteger)
  readonly grace_period_days?: number | null;

  @Nullable()
  @Max(DAYS_MAX, notAbove(DAYS_MAX))
  @Min(1, notBelow(1))
  @IsInt(asInteger)
  readonly expires_in_days?: number | null;
}

const WHOLE_NUMBER = /^-?\d{1,15}$/;

/** Query values arrive as text. What is no whole number becomes NaN, and is refused as no integer. */
function WholeNumber(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => {
    return typeof value === 'string' && WHOLE_NUMBER.test(value) ? Number(value) : Number.NaN;
  });
}

export class ListKeysQuery {
  @Omittable()
  @MaxLength(SEARCH_LENGTH_MAX, notLonger(SEARCH_LENGTH_MAX))
  @IsString(asString)
  readonly search: string = '';

  /** Without it, all keys are given. */
  @Omittable()
  @WholeNumber()
  @Max(100, notAbove(100))
  @Min(1, notBelow(1))
  @IsInt(asInteger)
  readonly limit?: number;

  @Omittable()
  @WholeNumber()
  @Min(0, notBelow(0))
  @IsInt(asInteger)
  readonly offset: number = 0;
}
