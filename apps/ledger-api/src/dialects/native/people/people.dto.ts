import { IsBoolean, IsIn, Matches, MaxLength } from 'class-validator';
import type { Role } from '@ledger/domain';
import { LIMITS } from '../limits.js';
import { PageQuery } from '../management/token.dto.js';
import { IsNotBlank, IsPlainText, Nullable, Omittable } from '../management/validators.js';

export const UUID_FORM =
  '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$';

/** A UUID is kept out of the slugs, since a path names an organization by either. */
export const SLUG_FORM =
  '^(?![0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$)[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$';

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
/** What browsers take for an address, with a domain of at least two labels. */
export const EMAIL_FORM = `^[A-Za-z0-9.!#$%&'*+/=?^_\`{|}~-]{1,64}@${LABEL}(?:\\.${LABEL})+$`;
export const EMAIL_LENGTH_MAX = 254;

export const PLAN_LENGTH_MAX = 64;
export const PLAN_DEFAULT = 'free';
export const ROLES = ['admin', 'member'] as const;

const IsUuid = (): PropertyDecorator =>
  Matches(new RegExp(UUID_FORM), { message: 'must be a UUID' });

export class CreateOrganizationBody {
  @Matches(new RegExp(SLUG_FORM), {
    message:
      'must be 1 to 64 lower-case letters, digits and hyphens inside, and must not be a UUID',
  })
  readonly slug!: string;

  @Nullable()
  @IsPlainText({ min: 1, max: LIMITS.name })
  @IsNotBlank()
  readonly name: string | null = null;

  @Omittable()
  @IsPlainText({ min: 1, max: PLAN_LENGTH_MAX })
  @IsNotBlank()
  readonly plan: string = PLAN_DEFAULT;

  @Nullable()
  @IsUuid()
  readonly adminUserId: string | null = null;
}

/** A JSON merge patch (RFC 7396): absent is unchanged, null is cleared. */
export class UpdateOrganizationBody {
  @Nullable()
  @IsPlainText({ min: 1, max: LIMITS.name })
  @IsNotBlank()
  readonly name?: string | null;

  @Omittable()
  @IsPlainText({ min: 1, max: PLAN_LENGTH_MAX })
  @IsNotBlank()
  readonly plan?: string;
}

export class SetMemberBody {
  @IsIn(ROLES)
  readonly role!: Role;
}

export class CreateUserBody {
  @MaxLength(EMAIL_LENGTH_MAX, { message: `must be at most ${EMAIL_LENGTH_MAX} characters` })
  @Matches(new RegExp(EMAIL_FORM), { message: 'must be an e-mail address' })
  readonly email!: string;

  @Nullable()
  @IsPlainText({ min: 1, max: LIMITS.name })
  @IsNotBlank()
  readonly name: string | null = null;

  @Omittable()
  @IsBoolean()
  readonly operator: boolean = false;
}

export class IssuePersonalTokenBody {
  @IsPlainText({ min: 1, max: LIMITS.name })
  @IsNotBlank()
  readonly label!: string;
}

/** A page of a list, with nothing to filter by. */
export class ListQuery extends PageQuery {}
