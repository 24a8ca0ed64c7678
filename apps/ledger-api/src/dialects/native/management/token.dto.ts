import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  Matches,
  Max,
  Min,
} from 'class-validator';
import type { Dialect, RevocationReason, Visibility } from '@ledger/domain';
import { DIALECTS, LIMITS } from '../limits.js';
import { ListOf } from './input-class.js';
import {
  IsInstant,
  IsMetadata,
  IsNotBlank,
  IsPlainText,
  IsScope,
  Nullable,
  Omittable,
} from './validators.js';

export const VISIBILITIES = ['admin', 'organization'] as const;
export const REASONS = ['requested', 'compromised', 'superseded', 'unused', 'other'] as const;
export const STATUSES = ['active', 'expiring', 'expired', 'revoked'] as const;
export const SORTS = [
  ...['createdAt', '-createdAt', 'lastUsedAt', '-lastUsedAt', 'name', '-name'],
] as const;

export class ResourceDto {
  @IsPlainText({ min: 1, max: LIMITS.resourcePart })
  readonly organization!: string;

  @Omittable()
  @IsPlainText({ min: 0, max: LIMITS.resourcePart })
  readonly repository: string = '';

  @Omittable()
  @IsPlainText({ min: 0, max: LIMITS.resourcePart })
  readonly workspace: string = '';
}

export class CreateTokenBody {
  @IsPlainText({ min: 1, max: LIMITS.name })
  @IsNotBlank()
  readonly name!: string;

  @Omittable()
  @IsPlainText({ min: 0, max: LIMITS.description })
  readonly description: string = '';

  @Omittable()
  @IsArray()
  @ArrayMaxSize(LIMITS.scopes)
  @IsScope({ each: true })
  readonly scopes: string[] = [];

  @Omittable()
  @IsArray()
  @ArrayMaxSize(LIMITS.resources)
  @IsObject({ each: true })
  @ListOf(ResourceDto)
  readonly resources: ResourceDto[] = [];

  @Nullable()
  @IsInt()
  @Min(0)
  @Max(LIMITS.units)
  readonly maxQuota: number | null = null;

  @Omittable()
  @IsIn(VISIBILITIES)
  readonly visibility: Visibility = 'organization';

  @Nullable()
  @IsInstant()
  readonly expiresAt: string | null = null;

  @Nullable()
  @IsPlainText({ min: 1, max: LIMITS.ownerId })
  readonly ownerId: string | null = null;

  @Nullable()
  @IsMetadata({ takesNull: false })
  readonly metadata: Record<string, string> | null = {};
}

/** A JSON merge patch (RFC 7396): absent is unchanged, null is cleared. */
export class UpdateTokenBody {
  @Omittable()
  @IsPlainText({ min: 1, max: LIMITS.name })
  @IsNotBlank()
  readonly name?: string;

  @Nullable()
  @IsPlainText({ min: 0, max: LIMITS.description })
  readonly description?: string | null;

  @Omittable()
  @IsArray()
  @ArrayMaxSize(LIMITS.scopes)
  @IsScope({ each: true })
  readonly scopes?: string[];

  @Omittable()
  @IsArray()
  @ArrayMaxSize(LIMITS.resources)
  @IsObject({ each: true })
  @ListOf(ResourceDto)
  readonly resources?: ResourceDto[];

  @Nullable()
  @IsInt()
  @Min(0)
  @Max(LIMITS.units)
  readonly maxQuota?: number | null;

  @Omittable()
  @IsIn(VISIBILITIES)
  readonly visibility?: Visibility;

  @Nullable()
  @IsInstant()
  readonly expiresAt?: string | null;

  @Nullable()
  @IsPlainText({ min: 1, max: LIMITS.ownerId })
  readonly ownerId?: string | null;

  @Nullable()
  @IsMetadata({ takesNull: true })
  readonly metadata?: Record<string, string | null> | null;
}

export class RotateTokenBody {
  @Omittable()
  @IsInt()
  @Min(0)
  @Max(LIMITS.graceSeconds)
  readonly graceSeconds: number = 0;

  @Nullable()
  @IsInstant()
  readonly expiresAt?: string | null;

  @Omittable()
  @IsBoolean()
  readonly closePrevious: boolean = false;
}

export class RevokeTokenBody {
  @Omittable()
  @IsIn(REASONS)
  readonly reason: RevocationReason = 'requested';

  @Nullable()
  @IsPlainText({ min: 0, max: LIMITS.note })
  readonly note: string | null = null;
}

const PAGE_LIMIT = /^(?:[1-9]\d?|1\d\d|200)$/;

export class PageQuery {
  @Omittable()
  @Matches(PAGE_LIMIT, { message: 'must be a whole number from 1 to 200' })
  readonly limit: string = String(LIMITS.pageDefault);

  @Omittable()
  @Matches(/^[A-Za-z0-9_-]{1,1024}$/, { message: 'must be the nextCursor of an earlier page' })
  readonly cursor?: string;
}

export class ListTokensQuery extends PageQuery {
  @Omittable()
  @IsIn(STATUSES)
  readonly status?: (typeof STATUSES)[number];

  @Omittable()
  @IsPlainText({ min: 1, max: LIMITS.name })
  readonly q?: string;

  @Omittable()
  @IsScope({})
  readonly scope?: string;

  @Omittable()
  @IsPlainText({ min: 1, max: LIMITS.ownerId })
  readonly ownerId?: string;

  @Omittable()
  @IsIn(DIALECTS)
  readonly dialect?: Dialect;

  @Omittable()
  @IsInstant()
  readonly unusedSince?: string;

  @Omittable()
  @IsIn(SORTS)
  readonly sort: string = '-createdAt';
}

export class PastQuery {
  @Omittable()
  @IsInstant()
  readonly at?: string;

  @Omittable()
  @Matches(/^(?:0|[1-9]\d{0,18})$/, { message: 'must be a position of the log' })
  readonly atPosition?: string;
}
