import type { Admissions, AdmissionUse } from '../http/overload/admission.js'
import type { MetricFamily, Sample } from './metric-family.js'

/** Returns the metrics of admission control. */
export const admissionFamilies = ({ read, write }: Admissions): readonly MetricFamily[] => {
  const each = (of: (use: AdmissionUse) => number) => (): readonly Sample[] => [
    { labels: { kind: 'read' }, value: of(read.use()) },
    { labels: { kind: 'write' }, value: of(write.use()) },
  ]
  return [
    {
      name: 'holdfast_admission_requests_max',
      help: 'Limit of concurrent requests that wait for short statements',
      type: 'gauge',
      collect: each(({ max }) => max),
    },
    {
      name: 'holdfast_admission_requests_in_flight',
      help: 'Requests that wait for short statements',
      type: 'gauge',
      collect: each(({ inFlight }) => inFlight),
    },
    {
      name: 'holdfast_admission_rejected_requests_total',
      help: 'Requests that admission control rejected because the limit was reached',
      type: 'counter',
      collect: each(({ rejected }) => rejected),
    },
  ]
}
