import type { Rejection } from './rejection.js';
import { SOCKET_SCOPES } from './socket-scopes.js';
import {
  at,
  attributeChanged,
  callerTokenId,
  createToken,
  given,
  member,
  memberId,
  revokeToken,
  rotateToken,
  tokenAuthority,
  tokenCreated,
  tokenId,
  tokenRevoked,
  tokenRotated,
  updateToken,
} from './testing/index.js';
import type { TokenCommand } from './token-commands.js';
import type { ResourceGrant, TokenAttributes } from './token-events.js';

const acme: ResourceGrant = { organization: 'acme', repository: '', workspace: '' };
const api: ResourceGrant = { organization: 'acme', repository: 'api', workspace: '' };
const web: ResourceGrant = { organization: 'acme', repository: 'web', workspace: '' };
const apiOfTeam: ResourceGrant = { organization: 'acme', repository: 'api', workspace: 'team' };
const acmeOfTeam: ResourceGrant = { organization: 'acme', repository: '', workspace: 'team' };
const globex: ResourceGrant = { organization: 'globex', repository: '', workspace: '' };

describe('dominance: a token hands out no more than it holds', () => {
  const create = (holds: Partial<TokenAttributes>, asked: Partial<TokenAttributes>) =>
    given().as(tokenAuthority(holds)).when(createToken(asked));
  const createSocket = (holds: readonly string[], asked: readonly string[]) =>
    given()
      .as(tokenAuthority({ scopes: holds }))
      .when(createToken({ scopes: asked }, { dialect: 'socket' }));

  const byToken = (asked: Partial<TokenAttributes>, dialect: 'native' | 'socket' = 'native') =>
    tokenCreated({ ...asked, dialect, createdBy: { kind: 'org_token', id: callerTokenId } });

  it('allows all of its scopes and refuses one more, naming every missing one as asked', () => {
    create({ scopes: ['a', 'b:c'] }, { scopes: ['b:c', 'a:x', 'a'] }).then(
      byToken({ scopes: ['b:c', 'a:x', 'a'] }),
    );
    create({ scopes: ['a', 'b:c'] }, { scopes: ['z', 'a', 'b', 'z'] }).thenRejected({
      code: 'SCOPES_NOT_HELD',
      missingScopes: ['z', 'b'],
    });
  });

  it('does not take children for their parent where scopes are the organization’s own words', () =>
    create({ scopes: ['a:x', 'a:y'] }, { scopes: ['a'] }).thenRejected({
      code: 'SCOPES_NOT_HELD',
      missingScopes: ['a'],
    }));

  it('allows a Socket parent to who holds every child, and refuses it when one child lacks', () => {
    const children = SOCKET_SCOPES.filter((scope) => scope.startsWith('repo:'));
    createSocket(children, ['repo']).then(byToken({ scopes: ['repo'] }, 'socket'));
    createSocket(children.slice(1), ['repo']).thenRejected({
      code: 'SCOPES_NOT_HELD',
      missingScopes: ['repo'],
    });
  });

  it('keeps `*` to holders of `*`, even from who holds every other Socket scope', () => {
    createSocket(['*'], ['*']).then(byToken({ scopes: ['*'] }, 'socket'));
    createSocket(
      SOCKET_SCOPES.filter((scope) => scope !== '*'),
      ['*'],
    ).thenRejected({ code: 'SCOPES_NOT_HELD', missingScopes: ['*'] });
  });

  it('keeps ledger scopes from a holder of `*`', () =>
    create({ scopes: ['*'] }, { scopes: ['invoices', 'ledger:tokens:read'] }).thenRejected({
      code: 'SCOPES_NOT_HELD',
      missingScopes: ['ledger:tokens:read'],
    }));

  it.each<[string, ResourceGrant[], ResourceGrant[]]>([
    ['anything, when not limited itself', [], [api, globex]],
    ['no limit, when not limited itself', [], []],
    ['exactly its own', [api, web], [web, api]],
    ['a repository within its organization', [acme], [api]],
    ['a workspace within its repository', [api], [apiOfTeam]],
    ['a repository within its workspace', [acmeOfTeam], [apiOfTeam]],
  ])('allows resources: %s', (_what, resources, asked) =>
    create({ resources }, { resources: asked }).then(byToken({ resources: asked })),
  );

  it.each<[string, ResourceGrant[], ResourceGrant[]]>([
    ['no limit at all, when limited itself', [acme], []],
    ['another organization', [acme], [globex]],
    ['another repository', [api], [web]],
    ['the organization of its repository', [api], [acme]],
    ['the repository of its workspace', [apiOfTeam], [api]],
    ['the workspace of its repository', [apiOfTeam], [acmeOfTeam]],
    ['one grant too many', [api], [api, web]],
  ])('refuses resources: %s', (_what, resources, asked) =>
    create({ resources }, { resources: asked }).thenRejected({ code: 'RESOURCES_NOT_HELD' }),
  );

  it.each([
    [1000, 1000],
    [1000, 0],
    [null, 1001],
    [null, null],
  ])('with a quota of %p allows %p', (maxQuota, asked) =>
    create({ maxQuota }, { maxQuota: asked }).then(byToken({ maxQuota: asked })),
  );

  it.each([1001, null])('with a quota of 1000 refuses %p, naming both numbers', (asked) =>
    create({ maxQuota: 1000 }, { maxQuota: asked }).thenRejected({
      code: 'QUOTA_ABOVE_OWN',
      ownMaxQuota: 1000,
      requestedMaxQuota: asked,
    }),
  );

  it.each<[string, TokenCommand]>([
    ['rotated', rotateToken()],
    ['updated', updateToken({ name: 'mine' })],
  ])(
    'keeps a stronger token from being %s, so that no scope of a route turns into `*`',
    (_, command) =>
      given(tokenCreated({ dialect: 'socket', scopes: ['*'] }))
        .as(tokenAuthority({ scopes: ['api-tokens:rotate', 'api-tokens:create'] }))
        .when(command)
        .thenRejected({ code: 'SCOPES_NOT_HELD', missingScopes: ['*'] }),
  );

  it.each<[string, Partial<TokenAttributes>, Rejection]>([
    ['resources', { resources: [] }, { code: 'RESOURCES_NOT_HELD' }],
    [
      'quota',
      { maxQuota: 11 },
      { code: 'QUOTA_ABOVE_OWN', ownMaxQuota: 10, requestedMaxQuota: 11 },
    ],
  ])('keeps a token with wider %s from being rotated', (_what, target, rejection) =>
    given(tokenCreated({ resources: [api], maxQuota: 10, ...target }))
      .as(tokenAuthority({ resources: [api], maxQuota: 10 }))
      .when(rotateToken())
      .thenRejected(rejection),
  );

  it('lets any token rotate itself', () => {
    const own = { scopes: ['a:b', 'ledger:tokens:rotate'], resources: [api], maxQuota: 7 };
    given(tokenCreated(own))
      .as(tokenAuthority({ ...own, tokenId }))
      .when(rotateToken())
      .then(tokenRotated({ occurredAt: at(2) }));
  });

  it('lets a token without any power revoke a stronger one, since that hands out nothing', () =>
    given(tokenCreated({ scopes: ['*'], maxQuota: null }))
      .as(tokenAuthority({ maxQuota: 0, resources: [api] }))
      .when(revokeToken())
      .then(tokenRevoked({ occurredAt: at(2) })));
});

describe('dominance over what is updated', () => {
  it('counts what the token is as well as what it would become', () => {
    const target = tokenCreated({ scopes: ['a', 'b'] });
    given(target)
      .as(tokenAuthority({ scopes: ['a'] }))
      .when(updateToken({ scopes: ['a'] }))
      .thenRejected({ code: 'SCOPES_NOT_HELD', missingScopes: ['b'] });
    given(target)
      .as(tokenAuthority({ scopes: ['a', 'b'] }))
      .when(updateToken({ scopes: ['a', 'b', 'c'] }))
      .thenRejected({ code: 'SCOPES_NOT_HELD', missingScopes: ['c'] });
    given(target)
      .as(tokenAuthority({ scopes: ['a', 'b'] }))
      .when(updateToken({ scopes: ['a'] }))
      .then(attributeChanged('scopes', ['a', 'b'], ['a'], at(2)));
  });

  it('reports missing scopes first, even when only the present resources are not held', () =>
    given(tokenCreated({ resources: [web] }))
      .as(tokenAuthority({ resources: [api] }))
      .when(updateToken({ resources: [api], scopes: ['a'] }))
      .thenRejected({ code: 'SCOPES_NOT_HELD', missingScopes: ['a'] }));

  it('frees no token from the limits on resources that the caller has itself', () => {
    given(tokenCreated({ resources: [api] }))
      .as(tokenAuthority({ resources: [api] }))
      .when(updateToken({ resources: [] }))
      .thenRejected({ code: 'RESOURCES_NOT_HELD' });
    given(tokenCreated({ resources: [web] }))
      .as(tokenAuthority({ resources: [api] }))
      .when(updateToken({ resources: [api] }))
      .thenRejected({ code: 'RESOURCES_NOT_HELD' });
  });

  it('raises a quota up to the caller’s own, and no further', () => {
    const caller = tokenAuthority({ maxQuota: 10 });
    given(tokenCreated({ maxQuota: 5 }))
      .as(caller)
      .when(updateToken({ maxQuota: 10 }))
      .then(attributeChanged('maxQuota', 5, 10, at(2)));
    for (const maxQuota of [11, null]) {
      given(tokenCreated({ maxQuota: 5 }))
        .as(caller)
        .when(updateToken({ maxQuota }))
        .thenRejected({ code: 'QUOTA_ABOVE_OWN', ownMaxQuota: 10, requestedMaxQuota: maxQuota });
    }
  });

  it('leaves a larger quota than the caller’s own alone, and lets it be lowered', () => {
    const caller = tokenAuthority({ maxQuota: 10 });
    given(tokenCreated({ maxQuota: null }))
      .as(caller)
      .when(updateToken({ name: 'deploy', maxQuota: null }))
      .then(attributeChanged('name', 'ci', 'deploy', at(2)));
    given(tokenCreated({ maxQuota: 500 }))
      .as(caller)
      .when(updateToken({ maxQuota: 10 }))
      .then(attributeChanged('maxQuota', 500, 10, at(2)));
  });

  it('lets an admin raise everything', () =>
    given(tokenCreated({ maxQuota: 5, resources: [api] }))
      .when(updateToken({ scopes: ['*', 'ledger:tokens:create'], resources: [], maxQuota: null }))
      .then(
        attributeChanged('scopes', [], ['*', 'ledger:tokens:create'], at(2)),
        attributeChanged('resources', [api], [], at(2)),
        attributeChanged('maxQuota', 5, null, at(2)),
      ));
});

describe('a member', () => {
  const own = tokenCreated({
    createdByUserId: memberId,
    scopes: ['a'],
    resources: [api],
    maxQuota: 10,
  });

  it.each<[string, Partial<TokenAttributes>, Rejection]>([
    ['scopes', { scopes: ['a', 'b'] }, { code: 'SCOPES_NOT_HELD', missingScopes: ['b'] }],
    ['resources', { resources: [] }, { code: 'RESOURCES_NOT_HELD' }],
    [
      'quota',
      { maxQuota: 11 },
      { code: 'QUOTA_ABOVE_OWN', ownMaxQuota: 10, requestedMaxQuota: 11 },
    ],
  ])('cannot widen the %s of an own token', (_what, changes, rejection) =>
    given(own).as(member).when(updateToken(changes)).thenRejected(rejection),
  );

  it('can narrow an own token', () =>
    given(own)
      .as(member)
      .when(updateToken({ scopes: ['a:b'], resources: [apiOfTeam], maxQuota: 9 }))
      .then(
        attributeChanged('scopes', ['a'], ['a:b'], at(2)),
        attributeChanged('resources', [api], [apiOfTeam], at(2)),
        attributeChanged('maxQuota', 10, 9, at(2)),
      ));
});
