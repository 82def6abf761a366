import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

export interface HttpEnv {
  Bindings: HttpBindings
}

export type HttpContext = Context<HttpEnv>
