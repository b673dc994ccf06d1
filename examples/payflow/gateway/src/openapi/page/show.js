// A file of its own: the page's policy allows no scripts within it.
window.SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#api',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  // Swagger's online validator would be a call to a stranger, which the policy refuses anyway.
  validatorUrl: null,
})
