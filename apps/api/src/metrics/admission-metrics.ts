import type { Admissions, AdmissionUse } from '../http/overload/admission.js'
import type { Family, Sample } from './family.js'

/** What the admissions of requests tell of themselves. */
export const admissionFamilies = ({ read, write }: Admissions): readonly Family[] => {
  const each = (of: (use: AdmissionUse) => number) => (): readonly Sample[] => [
    { labels: { kind: 'read' }, value: of(read.use()) },
    { labels: { kind: 'write' }, value: of(write.use()) },
  ]
  return [
    {
      name: 'holdfast_admission_requests_max',
      help: 'Requests that may wait for short statements at once',
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
      help: 'Requests that were rejected before they were looked at, because as many wait as may',
      type: 'counter',
      collect: each(({ rejected }) => rejected),
    },
  ]
}
