import { applyDecorators } from '@nestjs/common';
import { Transform, Type } from 'class-transformer';
import {
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { COST_MAX, SOCKET_SCOPES, type Visibility } from '@ledger/domain';
import { AUDIT_TYPES } from './socket-audit-types.js';

const IDENTIFIER_LENGTH_MAX = 512;
const PAGE_MAX = 2 ** 31 - 1;
const TEXT_LENGTH_MAX = 255;
/** Any UUID, whatever its version: one that names nothing is not found, rather than malformed. */
const UUID_OR_BLANK = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?$/i;

/** A member that may be left out. Unlike IsOptional, it does not let null pass. */
function Omittable(): PropertyDecorator {
  return ValidateIf((_object, value) => value !== undefined);
}

/**
 * Text that people read: controls, bidi overrides and lone surrogates have no place in it (H6). Its length
 * is that in code points, so that no character counts for nothing.
 */
function PlainText(lengthMin = 0): PropertyDecorator {
  const length = `{${lengthMin},${TEXT_LENGTH_MAX}}`;
  const form = new RegExp(`^[^\\p{Cc}\\p{Cs}\\u202a-\\u202e\\u2066-\\u2069]${length}$`, 'u');
  const message = `$property must be ${lengthMin} to ${TEXT_LENGTH_MAX} characters of plain text`;
  return Matches(form, { message });
}

export class CommitterDto {
  @Omittable()
  @PlainText()
  readonly email: string = '';

  @Omittable()
  @IsIn(['api', 'azure', 'bitbucket', 'github', 'gitlab'])
  readonly provider: 'api' | 'azure' | 'bitbucket' | 'github' | 'gitlab' = 'api';

  @Omittable()
  @PlainText()
  readonly providerLoginName: string = '';

  @Omittable()
  @PlainText()
  readonly providerUserId: string = '';
}

export class ResourceDto {
  @PlainText()
  readonly organizationSlug!: string;

  @PlainText()
  readonly repositorySlug!: string;

  @Omittable()
  @PlainText()
  readonly workspace: string = '';
}

/** What create and update both take. */
class TokenBody {
  @IsInt()
  @Min(0)
  @Max(COST_MAX)
  readonly max_quota!: number;

  @IsArray()
  @IsIn(SOCKET_SCOPES, {
    each: true,
    message: 'is no scope of this API',
    context: { allowed: SOCKET_SCOPES },
  })
  readonly scopes!: string[];

  @IsIn(['admin', 'organization'])
  readonly visibility!: Visibility;

  @IsObject()
  @ValidateNested()
  @Type(() => CommitterDto)
  readonly committer!: CommitterDto;

  /** Without the blanks around it, and composed (NFC), so that names that look the same are the same. */
  @Omittable()
  @Transform(({ value }: { value: unknown }) => {
    return typeof value === 'string' ? value.trim().normalize('NFC') : value;
  })
  @PlainText(1)
  readonly name?: string;
}

export class CreateBody extends TokenBody {
  @Omittable()
  @IsArray()
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

function Uuid(): PropertyDecorator {
  const message = 'uuid must be a UUID';
  return applyDecorators(Omittable(), Matches(UUID_OR_BLANK, { message }));
}

function Identifier(): PropertyDecorator {
  return applyDecorators(Omittable(), IsString(), MaxLength(IDENTIFIER_LENGTH_MAX));
}

export class UpdateBody extends TokenBody implements Identifiers {
  @Uuid() readonly uuid?: string;
  @Identifier() readonly id?: string;
  @Identifier() readonly token?: string;
  @Identifier() readonly hash?: string;
}

export class IdentifierBody implements Identifiers {
  @Uuid() readonly uuid?: string;
  @Identifier() readonly id?: string;
  @Identifier() readonly token?: string;
  @Identifier() readonly hash?: string;
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
  @Matches(/^\d+$/, { message: 'from must be a Unix time in seconds' })
  readonly from?: string;
}
