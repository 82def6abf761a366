import type { Config } from '../config.js'

type Limits = Pick<Config, 'AUTH' | 'RATE_LIMIT_REQUESTS' | 'RATE_LIMIT_KEY_REQUESTS' | 'RATE_LIMIT_WINDOW_SECONDS'>

/** Describes the rate limits and the settings that change them. */
export const rateLimitSummary = (limits: Limits): string => {
  const { AUTH, RATE_LIMIT_REQUESTS: requests, RATE_LIMIT_KEY_REQUESTS: keyRequests, RATE_LIMIT_WINDOW_SECONDS: seconds } = limits
  const window = seconds === 60 ? 'a minute' : `in ${seconds} s`
  const perClient = (who: string) =>
    requests === 0
      ? `no limit for ${who} (RATE_LIMIT_REQUESTS=0)`
      : `${requests} requests ${window} for ${who} (RATE_LIMIT_REQUESTS; 0 means no limit)`
  if (AUTH === 'off') return perClient('each client address')
  const perKey =
    keyRequests === 0
      ? 'no limit for API keys'
      : `${keyRequests} requests ${window} for each API key (RATE_LIMIT_KEY_REQUESTS; 0 means no limit)`
  return `${perKey}, ${perClient('each address without a valid key')}`
}
