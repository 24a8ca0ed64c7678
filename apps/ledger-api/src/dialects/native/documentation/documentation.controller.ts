import { Controller, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { nativeOpenApi } from '../native-openapi.js';
import { NativeGuard } from '../native.guard.js';
import { notFound } from '../problems/problem.js';
import { PROBLEMS, problemOfSlug, problemType } from '../problems/problem-catalogue.js';
import {
  GET_DOCS,
  GET_DOCS_ASSET,
  GET_OPENAPI,
  GET_PROBLEM,
} from '../routes/documentation-routes.js';
import { NativeRoute } from '../routes/route-contract.js';
import { docsAsset, DOCS_PAGE, DOCS_POLICY, problemPage } from './documentation-page.js';

const HTML = 'text/html; charset=utf-8';

/** The published contract, for programs and for people. Open to anyone: it tells nothing about a ledger. */
@Controller()
@UseGuards(NativeGuard)
export class DocumentationController {
  readonly #openApi = nativeOpenApi();

  @NativeRoute(GET_OPENAPI)
  openApi(): object {
    return this.#openApi;
  }

  @NativeRoute(GET_DOCS)
  docs(@Res({ passthrough: true }) reply: FastifyReply): string {
    reply.headers({ 'content-type': HTML, 'content-security-policy': DOCS_POLICY });
    return DOCS_PAGE;
  }

  @NativeRoute(GET_DOCS_ASSET)
  async asset(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param('asset') name: string,
  ): Promise<string | Buffer> {
    const asset = await docsAsset(name);
    if (!asset) throw notFound(request.id);
    reply.headers({ 'content-type': asset.contentType, 'cache-control': 'public, max-age=3600' });
    return asset.body;
  }

  @NativeRoute(GET_PROBLEM)
  problem(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param('code') slug: string,
  ): object | string {
    const code = problemOfSlug(slug);
    if (!code) throw notFound(request.id);
    reply.header('vary', 'accept');
    if (request.headers.accept?.includes('text/html')) {
      const policy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
      reply.headers({ 'content-type': HTML, 'content-security-policy': policy });
      return problemPage(code);
    }
    const { status, title, description } = PROBLEMS[code];
    return { type: problemType(code), code, status, title, description };
  }
}
