import { routes } from '@holdfast/contracts'
import type { Logger } from '@holdfast/service'
import type { MiddlewareHandler } from 'hono'
import type { HttpEnv } from '../context.js'

/** Logs each request when it is answered. Paths, queries and bodies are left out: keys and values may be secrets. */
export const requestLog = (logger: Logger): MiddlewareHandler<HttpEnv> =>
  async function requestLog(context, next) {
    await next()
    const { state } = context.var
    logger.info({
      method: context.req.method,
      route: state.route === undefined ? null : routes[state.route].path,
      status: context.res.status,
      duration_ms: Math.round((performance.now() - state.arrived) * 1000) / 1000,
      request_id: state.id,
      client: state.client,
    })
  }
