// The phone's passkeys: options and answers as JSON, whether or not the browser supports that.

/** Decodes base64url. */
export const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

/** Whether this browser has passkeys at all. */
export function isSupported() {
  return Boolean(globalThis.PublicKeyCredential && navigator.credentials?.create);
}

/** Creates a passkey; returns its answer as JSON. */
export async function create(options) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON?.(options) ?? {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: descriptors(options.excludeCredentials),
  };
  return json(await navigator.credentials.create({ publicKey }));
}

/** Has a passkey sign; returns its answer as JSON. */
export async function sign(options) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON?.(options) ?? {
    ...options,
    challenge: bytes(options.challenge),
    allowCredentials: descriptors(options.allowCredentials),
  };
  return json(await navigator.credentials.get({ publicKey }));
}

function descriptors(list) {
  return list?.map((one) => ({ ...one, id: bytes(one.id) }));
}

/** WebAuthn 3, 5.1: RegistrationResponseJSON or AuthenticationResponseJSON. */
function json(credential) {
  if (credential.toJSON) {
    try {
      return credential.toJSON();
    } catch {
      // Some password managers replace the answer with an object whose toJSON fails.
    }
  }
  const { response } = credential;
  const has = (name) => (response[name] ? { [name]: text(response[name]) } : {});
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: {
      clientDataJSON: text(response.clientDataJSON),
      ...has("attestationObject"),
      ...has("authenticatorData"),
      ...has("signature"),
      ...has("userHandle"),
      ...(response.getTransports ? { transports: response.getTransports() } : {}),
    },
  };
}
