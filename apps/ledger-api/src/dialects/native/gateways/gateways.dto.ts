import { IsInt, Matches, Max, Min } from 'class-validator';
import type { TokenId } from '@ledger/domain';
import { ORGANIZATION_FORM, POSITION_FORM } from '../events/events.dto.js';
import { LIMITS } from '../limits.js';
import { PageQuery } from '../management/token.dto.js';
import { IsPlainText, Omittable } from '../management/validators.js';
import { UUID_FORM } from '../people/people.dto.js';

export const GATEWAY_ID_FORM = '^[a-z0-9][a-z0-9-]{0,62}$';

const IsUuid = (): PropertyDecorator =>
  Matches(new RegExp(UUID_FORM), { message: 'must be a UUID' });

export class ReportPositionBody {
  @Matches(new RegExp(POSITION_FORM), { message: 'must be a position of the log, as a string' })
  readonly position!: string;
}

/** Whose gateway it is, where the caller may speak for several. */
export class GatewayQuery {
  @Omittable()
  @Matches(new RegExp(ORGANIZATION_FORM), {
    message: 'must be the id or the slug of an organization',
  })
  readonly org?: string;
}

export class ListGatewaysQuery extends PageQuery {}

export class LeaseQuotaBody {
  @Omittable()
  @IsUuid()
  readonly tokenId?: TokenId;

  @Omittable()
  @IsPlainText({ min: 0, max: LIMITS.secret })
  readonly token?: string;

  @IsInt()
  @Min(1)
  @Max(LIMITS.units)
  readonly units!: number;

  @Omittable()
  @IsPlainText({ min: 1, max: LIMITS.operation })
  readonly operation: string = 'POST /v1/quota/leases';
}

export class ReturnLeaseBody {
  @IsUuid()
  readonly tokenId!: TokenId;

  @IsInt()
  @Min(0)
  @Max(LIMITS.units)
  readonly unusedUnits!: number;
}
