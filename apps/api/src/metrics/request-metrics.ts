import { type RouteId, routes } from '@holdfast/contracts'
import type { RequestContext } from '../http/request-context.js'
import type { RequestObserver } from '../http/request-observer.js'
import { replayedHeader } from '../idempotency/run-once.js'
import { createHistogram, durationBounds, type Histogram, histogramFamily } from './histogram.js'
import { type MetricFamily, type Sample, unlabeled } from './metric-family.js'

const statusMin = 100

/** The durations of one route, by status. */
interface RouteSeries {
  readonly method: string
  readonly path: string
  readonly byStatus: (Histogram | undefined)[]
}

const seriesOf = (method: string, path: string): RouteSeries => ({ method, path, byStatus: [] })

/** The label of requests without a route. Method and path of the caller are not used, so that labels stay bounded. */
const noRouteLabel = 'none'

/** Creates the metrics of requests by route and status. A request costs two array look-ups and some additions. */
export const createRequestMetrics = (): { readonly observer: RequestObserver; readonly families: readonly MetricFamily[] } => {
  const byRoute = Object.fromEntries(
    Object.entries(routes).map(([id, { method, path }]) => [id, seriesOf(method.toUpperCase(), path)]),
  ) as Record<RouteId, RouteSeries>
  // HEAD is served by the route of GET.
  const headByRoute = new Map(Object.entries(byRoute).map(([id, { path }]) => [id as RouteId, seriesOf('HEAD', path)]))
  const noRoute = seriesOf(noRouteLabel, noRouteLabel)
  let inFlight = 0
  let replayed = 0

  const find = (method: string, { route }: RequestContext): RouteSeries => {
    if (route === undefined) return noRoute
    return method === 'HEAD' ? (headByRoute.get(route) ?? noRoute) : byRoute[route]
  }

  const all = function* (): Generator<readonly [Sample['labels'], Histogram]> {
    for (const { method, path, byStatus } of [...Object.values(byRoute), ...headByRoute.values(), noRoute]) {
      for (const [index, histogram] of byStatus.entries()) {
        if (histogram !== undefined) yield [{ method, route: path, status: index + statusMin }, histogram]
      }
    }
  }

  return {
    observer: {
      arrived: () => {
        inFlight++
      },
      responded: (method, status, durationMs, request) => {
        inFlight--
        const { byStatus } = find(method, request)
        const index = status - statusMin
        let histogram = byStatus[index]
        if (histogram === undefined) {
          histogram = createHistogram(durationBounds)
          byStatus[index] = histogram
        }
        histogram.observe(durationMs / 1000)
        if (request.headers[replayedHeader] === 'true') replayed++
      },
    },
    families: [
      {
        name: 'holdfast_http_requests_total',
        help: 'Requests by method, route and status; requests without a route have the label none',
        type: 'counter',
        collect: () => [...all()].map(([labels, histogram]) => ({ labels, value: histogram.count() })),
      },
      histogramFamily(
        'holdfast_http_request_duration_seconds',
        'Time from the arrival of a request until its response is ready to be sent',
        all,
      ),
      {
        name: 'holdfast_http_requests_in_flight',
        help: 'Requests that have no response yet',
        type: 'gauge',
        collect: () => unlabeled(inFlight),
      },
      {
        name: 'holdfast_replayed_writes_total',
        help: 'Retried writes whose original response was returned because of their Idempotency-Key',
        type: 'counter',
        collect: () => unlabeled(replayed),
      },
    ],
  }
}
