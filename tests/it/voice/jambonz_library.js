// Checks signatures and verbs with jambonz' own libraries, which lie in the folder of the first
// argument.
const folder = process.argv[2];
const { WebhookResponse } = require(`${folder}/@jambonz/node-client`);
const { validate } = require(`${folder}/@jambonz/verb-specifications`);

const judges = {
  // Throws if no secret signed the body.
  verify: ([secrets, header, body]) => {
    const request = { get: () => header, body: JSON.parse(body), url: "/" };
    WebhookResponse.verifyJambonzSignature(secrets)(request, {}, () => {});
  },
  // Throws if the feature server would not take these verbs.
  validate: ([document]) => {
    validate(console, JSON.parse(document));
  },
};

judges[process.argv[3]](JSON.parse(process.argv[4]));
