import { createServer } from 'node:net'
import { describe, expect, inject, test } from 'vitest'
import { send, startApi } from '../support/api.js'
import { scrape } from '../support/exposition.js'
import { withApi } from './with-api.js'

describe('METRICS_PORT', () => {
  test('serves the metrics, which the public port then does not serve', () =>
    withApi({ METRICS_PORT: '0' }, async (api) => {
      const metricsUrl = api.service.metricsUrl ?? ''
      expect(metricsUrl).not.toBe(api.url)
      await api.request('GET', '/items')
      expect((await scrape(metricsUrl)).sum('holdfast_http_requests_total', { route: '/items' })).toBe(1)
      expect((await send(metricsUrl, 'HEAD', '/metrics/?x=1')).status).toBe(200)
      expect((await api.request('GET', '/metrics')).json.code).toBe('route_not_found')
      expect((await api.request('GET', '/openapi.json')).json.paths['/metrics']).toBeUndefined()
      for (const path of ['/', '/items', '/health', '/metrics/x']) expect((await send(metricsUrl, 'GET', path)).status, path).toBe(404)
      expect((await send(metricsUrl, 'POST', '/metrics')).status).toBe(405)
    }))

  test('is closed when the service stops', async () => {
    const api = await startApi(inject('postgresUrl'), { METRICS_PORT: '0' })
    const metricsUrl = api.service.metricsUrl ?? ''
    await scrape(metricsUrl)
    await api.sql.end()
    await api.service.stop(0)
    await expect(fetch(`${metricsUrl}/metrics`)).rejects.toThrow()
  })

  test('that is in use stops startup with its name', async () => {
    const occupier = createServer()
    await new Promise<void>((resolve) => occupier.listen(0, '127.0.0.1', resolve))
    const { port } = occupier.address() as { port: number }
    await expect(startApi(inject('postgresUrl'), { METRICS_PORT: String(port) })).rejects.toThrow(
      `METRICS_PORT ${port} is used by another program`,
    )
    occupier.close()
  })
})
