import { BlockList } from 'node:net'
import { createLogger } from '@holdfast/service'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { createApp } from '../../../apps/api/src/app.js'
import { JsonText, stringifyJson } from '../../../apps/api/src/json-text.js'

const item = () => ({ key: 'bench-000000', value: new JsonText('"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"'), version: '100000', created_at: '2026-11-20T19:26:00.123Z', updated_at: '2026-11-20T19:26:00.123Z', expires_at: null })
const fake = { get: async () => { await null; return { item: item(), ttlRemaining: null } } } as never
const app = createApp({ store: fake, service: { version: '1', database: 'embedded', stopping: () => false, databaseAnswers: async () => true } as never, rateLimit: { requests: Number(process.env.LIMIT ?? 1e9), windowSeconds: 60, trustedProxies: new BlockList() }, valueBytesMax: 1e6, rootKeys: false, logger: createLogger('info') })
const plain = new Hono()
plain.get('/items/:key', async (c) => { const { item } = await (fake as any).get(c.req.param('key')); return new Response(stringifyJson(item), { headers: { 'content-type': 'application/json' } }) })
const mk = () => ({ url: '/items/bench-000000', method: 'GET', httpVersion: '1.1', headers: { host: 'bench' }, rawHeaders: ['Host', 'bench'], socket: { remoteAddress: '127.0.0.1' } })
let sent = 0
const out = () => ({ on() {}, writeHead() {}, end() { sent++ }, hasHeader() { return false } })
const run = async (a: any, n: number) => {
  const l = getRequestListener(a.fetch)
  const t = process.cpuUsage()
  for (let i = 0; i < n; i += 64) { const p = []; for (let k = 0; k < 64; k++) p.push(l(mk() as never, out() as never)); await Promise.all(p) }
  const u = process.cpuUsage(t)
  return (u.user + u.system) / n
}
for (let r = 0; r < Number(process.env.R ?? 3); r++) for (const [name, a] of process.env.ONLY ? [["app", app]] as const : [['plain', plain], ['app', app]] as const) { await run(a, 20000); console.log(name, (await run(a, 300000)).toFixed(2), 'us') }
