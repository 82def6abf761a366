import { securityHeaders } from '@holdfast/server-kit'

/** Returns the headers that every response has. */
export const baseHeaders = (requestId: string): Record<string, string> => ({
  ...securityHeaders,
  'cache-control': 'no-store',
  'x-request-id': requestId,
})
