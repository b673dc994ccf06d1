import helmet from 'helmet'
import type { RequestHandler } from 'express'

/**
 * The headers of the page and the API. The page loads everything from here, speaks to nobody else,
 * and stands in no frame: a button that moves money must not be clickable through another page.
 * `upgrade-insecure-requests` is left out, for the demo is served over plain HTTP.
 */
export const securityHeaders: RequestHandler = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      imgSrc: ["'self'", 'data:'],
      fontSrc: ["'self'", 'data:'],
      // Component libraries measure and place things with style attributes.
      styleSrc: ["'self'", "'unsafe-inline'"],
      objectSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
  },
})
