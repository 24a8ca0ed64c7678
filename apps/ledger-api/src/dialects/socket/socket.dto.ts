import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsString,
  IsUUID,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { COST_MAX, SOCKET_SCOPES, type Visibility } from '@ledger/domain';
import { AUDIT_TYPES } from './socket-audit-types.js';

const TEXT_LENGTH_MAX = 255;
const IDENTIFIER_LENGTH_MAX = 512;
const PAGE_MAX = 2 ** 31 - 1;
/** Controls, bidi overrides and lone surrogates have no place in a name (H6). */
const PLAIN_TEXT = /^(?:[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069])*$/u;

/** A member that may be left out. Unlike IsOptional, it does not let null pass. */
function Omittable(): PropertyDecorator {
  return ValidateIf((_object, value) => value !== undefined);
}

export class CommitterDto {
  @Omittable()
  @IsString()
  @MaxLength(TEXT_LENGTH_MAX)
  readonly email: string = '';

  @Omittable()
  @IsIn(['api', 'azure', 'bitbucket', 'github', 'gitlab'])
  readonly provider: 'api' | 'azure' | 'bitbucket' | 'github' | 'gitlab' = 'api';

  @Omittable()
  @IsString()
  @MaxLength(TEXT_LENGTH_MAX)
  readonly providerLoginName: string = '';

  @Omittable()
  @IsString()
  @MaxLength(TEXT_LENGTH_MAX)
  readonly providerUserId: string = '';
}

export class ResourceDto {
  @IsString()
  @MinLength(1)
  @MaxLength(TEXT_LENGTH_MAX)
  readonly organizationSlug!: string;

  @IsString()
  @MaxLength(TEXT_LENGTH_MAX)
  readonly repositorySlug!: string;

  @Omittable()
  @IsString()
  @MaxLength(TEXT_LENGTH_MAX)
  readonly workspace: string = '';
}

/** What create and update both take. */
class TokenBody {
  @IsInt()
  @Min(0)
  @Max(COST_MAX)
  readonly max_quota!: number;

  @IsArray()
  @ArrayMaxSize(SOCKET_SCOPES.length * 2)
  @IsIn(SOCKET_SCOPES, { each: true, message: 'scopes must each be a scope of this API' })
  readonly scopes!: string[];

  @IsIn(['admin', 'organization'])
  readonly visibility!: Visibility;

  @IsObject()
  @ValidateNested()
  @Type(() => CommitterDto)
  readonly committer!: CommitterDto;

  @Omittable()
  @IsString()
  @Matches(/\S/, { message: 'name must not be blank' })
  @MaxLength(TEXT_LENGTH_MAX)
  @Matches(PLAIN_TEXT, { message: 'name must not hold control characters' })
  readonly name?: string;
}

export class CreateBody extends TokenBody {
  @Omittable()
  @IsArray()
  @ArrayMaxSize(100)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => ResourceDto)
  readonly resources: ResourceDto[] = [];
}

/** The ways to name a token. An empty string counts as absent. */
export interface Identifiers {
  readonly uuid?: string;
  readonly id?: string;
  readonly token?: string;
  readonly hash?: string;
}

export class UpdateBody extends TokenBody implements Identifiers {
  @ValidateIf((_object, value) => value !== undefined && value !== '')
  @IsUUID()
  readonly uuid?: string;

  @Omittable()
  @IsString()
  @MaxLength(IDENTIFIER_LENGTH_MAX)
  readonly id?: string;

  @Omittable()
  @IsString()
  @MaxLength(IDENTIFIER_LENGTH_MAX)
  readonly token?: string;

  @Omittable()
  @IsString()
  @MaxLength(IDENTIFIER_LENGTH_MAX)
  readonly hash?: string;
}

export class IdentifierBody implements Identifiers {
  @ValidateIf((_object, value) => value !== undefined && value !== '')
  @IsUUID()
  readonly uuid?: string;

  @Omittable()
  @IsString()
  @MaxLength(IDENTIFIER_LENGTH_MAX)
  readonly id?: string;

  @Omittable()
  @IsString()
  @MaxLength(IDENTIFIER_LENGTH_MAX)
  readonly token?: string;

  @Omittable()
  @IsString()
  @MaxLength(IDENTIFIER_LENGTH_MAX)
  readonly hash?: string;
}

const WHOLE_NUMBER = /^\d{1,10}$/;

/** Query values arrive as text. What is no whole number becomes NaN, so that "1.5" is refused, not rounded. */
function WholeNumber(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => {
    return typeof value === 'string' && WHOLE_NUMBER.test(value) ? Number(value) : Number.NaN;
  });
}

class PageQuery {
  @Omittable()
  @WholeNumber()
  @IsInt()
  @Min(1)
  @Max(100)
  readonly per_page: number = 30;
}

export class ListQuery extends PageQuery {
  @Omittable()
  @IsIn(['created_at'])
  readonly sort: string = 'created_at';

  @Omittable()
  @IsIn(['asc', 'desc'])
  readonly direction: 'asc' | 'desc' = 'desc';

  @Omittable()
  @WholeNumber()
  @IsInt()
  @Min(1)
  @Max(PAGE_MAX)
  readonly page: number = 1;

  @Omittable()
  @IsIn(['include', 'omit'])
  readonly token_values: 'include' | 'omit' = 'omit';
}

export class AuditQuery extends PageQuery {
  @Omittable()
  @IsIn(AUDIT_TYPES, { message: 'type must be an audit log type of this API' })
  readonly type?: string;

  /** "0" stands for the first page: the published CLI sends it. */
  @Omittable()
  @WholeNumber()
  @IsInt()
  @Min(0)
  @Max(PAGE_MAX)
  readonly page: number = 1;

  /** Seconds since the Unix epoch. */
  @Omittable()
  @IsString()
  @Matches(/^\d{1,11}$/, { message: 'from must be a Unix time in seconds' })
  readonly from?: string;
}
